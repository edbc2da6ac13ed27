"""Improper reinforcement learning: a softmax mixture over controllers that are given.

Source: Zaki, Mohan, Gopalan & Mannor 2022, "Actor-Critic based Improper Reinforcement Learning",
arXiv:2207.09090: softmax policy gradient, and ACIL with its plain and natural actor.

    weights w = softmax(logits) [M]; at each step a controller m ~ w is drawn, and acts
    policy gradient:  logits <- logits + step * grad V,   grad V_m = sum_s d(s) w_m A(s, m)
    actor-critic:     error = reward + gamma V(next) - V(state), V linear in features
                      logits <- logits + step * error * grad log w_m, or that over Fisher's matrix
    A(s, m) = sum_a controller_m(a | s) Q(s, a) - V(s)

A mixture can be what none of the controllers is: stable. `pytest
tests/algos/tabular/test_improper.py` serves two queues with controllers that each neglect one.

Departs from it: processes are finite, so queues hold a bounded number, and the cart and pole are
left out; gradients may be exact, where the paper has an oracle or perturbed rollouts; the natural
step takes Fisher's matrix of the weights, diag(w) - w w', in closed form, so it divides by w.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxac.algos.tabular.exact import EXACT, expected_return
from jaxac.algos.tabular.mdp import MDP, require_within
from jaxac.core import Int, Key, Scalar, frozen

Actor = Callable[[Float[Array, " M"], Int, Scalar], Float[Array, " M"]]


def mixture(controllers: Float[Array, "M S A"], logits: Float[Array, " M"]) -> Float[Array, "S A"]:
    """The policy that draws a controller anew at each step."""
    return jnp.einsum("m,msa->sa", jax.nn.softmax(logits), controllers, precision=EXACT)


def value_gradient(
    mdp: MDP, controllers: Float[Array, "M S A"], logits: Float[Array, " M"], gamma: Scalar
) -> Float[Array, " M"]:
    """Gradient of the expected return in the logits, exact."""
    return jax.grad(lambda z: expected_return(mdp, mixture(controllers, z), gamma))(logits)


def climb(
    mdp: MDP,
    controllers: Float[Array, "M S A"],
    logits: Float[Array, " M"],
    gamma: Scalar,
    step: Scalar,
    num_steps: int,
) -> Float[Array, "T M"]:
    """Logits after each step of exact policy gradient from `logits`."""

    def ascend(logits, _):
        logits = logits + step * value_gradient(mdp, controllers, logits, gamma)
        return logits, logits

    return jax.lax.scan(ascend, logits, length=num_steps)[1]


def rollout_gradient(
    key: Key,
    mdp: MDP,
    controllers: Float[Array, "M S A"],
    logits: Float[Array, " M"],
    gamma: Scalar,
    num_steps: int,
) -> Float[Array, " M"]:
    """One rollout's estimate: discounted return to go times the score of each draw, summed.

    Unbiased but for the tail that `num_steps` cuts off, of the order gamma^num_steps.
    """

    def step(carry, key):
        state, alive = carry
        drawn, following, reward = _move(key, mdp, controllers, logits, state)
        going_on = alive & ~mdp.terminal[following]
        return (following, going_on), (drawn, jnp.where(alive, reward, 0.0))

    key_start, key_run = jax.random.split(key)
    first = jax.random.categorical(key_start, jnp.log(mdp.start))
    keys = jax.random.split(key_run, num_steps)
    _, (drawn, reward) = jax.lax.scan(step, (first, jnp.ones((), bool)), keys)
    discounted = reward * gamma ** jnp.arange(num_steps)
    to_go = jnp.cumsum(discounted[::-1])[::-1]
    scores = jax.nn.one_hot(drawn, logits.shape[0]) - jax.nn.softmax(logits)
    return to_go @ scores


def plain(logits: Float[Array, " M"], drawn: Int, error: Scalar) -> Float[Array, " M"]:
    """Direction of the actor-critic: the error times the score of the draw."""
    return error * (jax.nn.one_hot(drawn, logits.shape[0]) - jax.nn.softmax(logits))


def natural(logits: Float[Array, " M"], drawn: Int, error: Scalar) -> Float[Array, " M"]:
    """Direction of the natural actor-critic: the error over the chance of the draw.

    A solution x of Fisher's system F x = `plain`, F = diag(w) - w w'; others differ by a constant.
    """
    return error * jax.nn.one_hot(drawn, logits.shape[0]) / jax.nn.softmax(logits)


@frozen
class Learned:
    """What an improper actor-critic learns."""

    logits: Float[Array, " M"]
    critic: Float[Array, " D"]  # V is features @ critic, in reward units


def actor_critic(
    key: Key,
    mdp: MDP,
    controllers: Float[Array, "M S A"],
    features: Float[Array, "S D"],
    gamma: Scalar,
    actor: Actor,  # `plain` or `natural`
    actor_step: Scalar,
    critic_step: Scalar,
    num_updates: int,
    batch: int = 32,
) -> Learned:
    """What is learned after each update [U, ...] of a batch of steps of one unending walk.

    For processes without terminal states.
    """
    require_within("gamma", gamma, "[0, 1)")

    def update(carry, key):
        learned, state = carry

        def step(state, key):
            drawn, following, reward = _move(key, mdp, controllers, learned.logits, state)
            value, after = features[state] @ learned.critic, features[following] @ learned.critic
            error = reward + gamma * after - value
            return following, (actor(learned.logits, drawn, error), error * features[state])

        state, moves = jax.lax.scan(step, state, jax.random.split(key, batch))
        towards, closer = jax.tree.map(lambda x: x.mean(0), moves)
        logits = learned.logits + actor_step * towards
        learned = Learned(logits - logits.mean(), learned.critic + critic_step * closer)
        return (learned, state), learned

    key_start, key_run = jax.random.split(key)
    state = jax.random.categorical(key_start, jnp.log(mdp.start))
    start = Learned(jnp.zeros(controllers.shape[0]), jnp.zeros(features.shape[1]))
    return jax.lax.scan(update, (start, state), jax.random.split(key_run, num_updates))[1]


def _move(key, mdp, controllers, logits, state):
    """Draw a controller, its action, and where that leads: (drawn, following, reward)."""
    key_draw, key_act, key_move = jax.random.split(key, 3)
    drawn = jax.random.categorical(key_draw, logits)
    action = jax.random.categorical(key_act, jnp.log(controllers[drawn, state]))
    following = jax.random.categorical(key_move, jnp.log(mdp.transition[state, action]))
    return drawn, following, mdp.reward[state, action]


def two_queues(arrivals: tuple[float, float], room: int) -> tuple[MDP, Float[Array, "2 S 2"]]:
    """Two queues and one server, and the two controllers that always serve the same queue.

    State (i, j) is i * (room + 1) + j, the numbers waiting. In a slot the server takes one out of
    the queue that it serves, then each queue gains one with its probability of `arrivals`, if there
    is room. The reward is minus the share of the room that is taken, in [-1, 0].
    A queue that is served with a probability below its arrivals' fills up.
    """
    size = room + 1
    i, j = np.divmod(np.arange(size**2), size)
    transition = np.zeros((size**2, 2, size**2))
    for action in (0, 1):
        left = np.maximum(i - (action == 0), 0), np.maximum(j - (action == 1), 0)
        for come in np.ndindex(2, 2):
            chance = np.prod([p if x else 1.0 - p for p, x in zip(arrivals, come, strict=True)])
            to = [np.minimum(n + x, room) for n, x in zip(left, come, strict=True)]
            transition[np.arange(size**2), action, to[0] * size + to[1]] += chance
    waiting = -np.repeat(((i + j) / (2.0 * room))[:, None], 2, axis=1)
    p, r = jnp.asarray(transition, jnp.float32), jnp.asarray(waiting, jnp.float32)
    mdp = MDP(p, r, jnp.zeros(size**2, bool), jnp.zeros(size**2).at[0].set(1.0))
    same = jnp.repeat(jnp.eye(2)[:, None], size**2, axis=1)
    return mdp, same
