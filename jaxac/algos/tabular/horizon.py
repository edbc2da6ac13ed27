"""Exact values, optima and visits of a finite MDP that is played for a fixed number of stages.

Undiscounted: a policy is [H, S, A], one distribution over actions for each stage and state, and Q
is [H, S, A], in reward units. An episode ends after stage H - 1, or on entering a terminal state.

Source: Puterman 1994, "Markov Decision Processes", chapter 4.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.tabular.exact import EXACT, lookahead, state_transition
from jaxac.algos.tabular.mdp import MDP


def uniform_policy(mdp: MDP, horizon: int) -> Float[Array, "H S A"]:
    """Every action alike, at every stage."""
    return jnp.full((horizon, *mdp.reward.shape), 1.0 / mdp.num_actions)


def stage_q(
    mdp: MDP, policy: Float[Array, "H S A"], last: Float[Array, " S"] | float = 0.0
) -> Float[Array, "H S A"]:
    """Q of `policy`; `last` is paid for the state after the last stage, if it is not terminal."""

    def back(value, now):
        q = lookahead(mdp, value, 1.0)
        return (now * q).sum(-1), q

    return jax.lax.scan(back, jnp.zeros_like(mdp.start) + last, policy, reverse=True)[1]


def optimal_q(
    mdp: MDP, horizon: int, last: Float[Array, " S"] | float = 0.0
) -> Float[Array, "H S A"]:
    """Q of the best policy, by backward induction; `last` as in `stage_q`.

    Source: Puterman 1994, section 4.5.
    """

    def back(value, _):
        q = lookahead(mdp, value, 1.0)
        return q.max(-1), q

    value = jnp.zeros_like(mdp.start) + last
    return jax.lax.scan(back, value, length=horizon, reverse=True)[1]


def greedy(q: Float[Array, "H S A"]) -> Float[Array, "H S A"]:
    """The policy that takes an action of the largest Q, the first of several."""
    return jax.nn.one_hot(q.argmax(-1), q.shape[-1])


def stage_return(mdp: MDP, policy: Float[Array, "H S A"]) -> Float[Array, ""]:
    """Mean return of an episode from `mdp.start`."""
    value = (policy[0] * stage_q(mdp, policy)[0]).sum(-1)
    return jnp.vdot(mdp.start, value, precision=EXACT)


def optimal_return(mdp: MDP, horizon: int) -> Float[Array, ""]:
    """Mean return of the best policy from `mdp.start`."""
    return jnp.vdot(mdp.start, optimal_q(mdp, horizon)[0].max(-1), precision=EXACT)


def state_visits(mdp: MDP, policy: Float[Array, "H S A"]) -> Float[Array, "H1 S"]:
    """P(state) before each stage and, in the last row, after the last one; H1 is H + 1.

    Only episodes that go on count, so a row sums to 1 less the chance to have ended.
    """

    def on(now, actions):
        following = jnp.matmul(now, state_transition(mdp, actions), precision=EXACT)
        return following, now

    final, before = jax.lax.scan(on, mdp.start, policy)
    return jnp.concatenate([before, final[None]])


def sample_episode(
    key: Array,
    mdp: MDP,
    horizon: int,
    log_policy: Callable[
        [Array, Array], Float[Array, " A"]
    ],  # of stage and state, up to a constant
) -> tuple[Array, Array, Array, Array]:
    """One episode: states [H], actions [H], next states [H], and whether each was still played.

    After a terminal state nothing is played any more.
    """

    def step(carry, stage):
        state, played = carry
        key_act, key_move = jax.random.split(jax.random.fold_in(key_run, stage))
        action = jax.random.categorical(key_act, log_policy(stage, state))
        following = jax.random.categorical(key_move, jnp.log(mdp.transition[state, action]))
        going_on = played & ~mdp.terminal[following]
        return (following, going_on), (state, action, following, played)

    key_start, key_run = jax.random.split(key)
    first = jax.random.categorical(key_start, jnp.log(mdp.start))
    start = (first, jnp.ones((), bool))
    return jax.lax.scan(step, start, jnp.arange(horizon))[1]
