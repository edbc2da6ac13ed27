"""Actor-critics of discrete actions that learn from stretches of replayed time steps.

A policy and a value of one network; what the policy thought of its action is remembered with it, so
that a loss of a stretch may correct for the policy that acted (V-trace, Retrace).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, Static, field, frozen, replace
from jaxac.data.replay import Buffer, Replay, Sequence
from jaxac.envs.contract import Discrete, Env
from jaxac.errors import EnvError
from jaxac.heads.categorical import Categorical
from jaxac.nets.actor_critic import ActorCritic, Architecture, legal_only
from jaxac.ops.choice import any_legal
from jaxac.ops.optimiser import Adam, Optimiser, clipped, descend
from jaxac.runners import off_policy


@frozen
class Stretches(off_policy.Settings):
    """Hyper-parameters; by default four gradient steps, of 640 time steps each, to 64 lived."""

    learning_rate: Scalar = field(1e-3, "step size", within="[0, inf)", search=(1e-4, 3e-4, 1e-3))
    max_grad_norm: Scalar = field(40.0, "largest norm of a gradient", within="(0, inf]")
    net: Architecture = field(ActorCritic(), "the network, without memory")
    optimiser: Optimiser = field(Adam(), "the optimiser")
    replay: Replay = field(Replay(capacity=10_000), "what is remembered, and how it is drawn")
    length: Static[int] = field(20, "time steps of a stretch", within="[1, inf)")
    batch_size: Static[int] = field(32, "stretches in a gradient step", within="[1, inf)")
    num_envs: Static[int] = field(16, "parallel environments", within="[1, inf)")
    num_steps: Static[int] = field(4, "steps of each environment per update", within="[1, inf)")
    num_rounds: Static[int] = field(4, "rounds of learning per update", within="[1, inf)")


class Acted(NamedTuple):
    """What the buffer keeps of an action."""

    action: Int[Array, "*batch"]
    log_prob: Float[Array, "*batch"]  # by the policy that drew it, nats


class Seen(NamedTuple):
    """What the network says of stretches, with gradients."""

    log_prob: Float[Array, "L B"]  # of the actions that were taken, nats
    entropy: Float[Array, "L B"]  # nats
    value: Float[Array, "L B"]
    next_value: Float[Array, "L B"]  # of what each step truly led to


@frozen
class Learner:
    """What is trained."""

    params: Params
    opt_state: optax.OptState


def draw(key: Key, hp: Stretches, buffer: Buffer, stats: dict[str, Any]) -> tuple[Sequence, Array]:
    """Stretches of each gradient step, [critic_steps, L, B, ...], and all places."""
    keys = jax.random.split(key, hp.critic_steps)
    drawn = jax.vmap(lambda key: hp.replay.sequences(key, buffer, hp.batch_size, hp.length))(keys)
    row = drawn.transition
    row = replace(
        row,
        obs=hp.norm.obs(stats["obs"], row.obs),
        final_obs=hp.norm.obs(stats["obs"], row.final_obs),
        reward=hp.norm.reward(stats["reward"], row.reward),
    )
    return replace(drawn, transition=row), drawn.place.ravel()


Loss = Callable[[Any, Seen, Sequence], tuple[Float[Array, ""], tuple[Metrics, Array]]]
"""`loss(hp, seen, drawn) -> loss, (metrics, errors [B])`"""


def make(env: Env, loss: Loss) -> Algorithm:
    """The algorithm whose gradient step descends `loss`. Raises `EnvError` for other actions."""
    return off_policy.make(env, method(env, loss))


def method(env: Env, loss: Loss) -> off_policy.Method:
    """What `make` makes the algorithm of."""
    if not isinstance(env.action_space, Discrete):
        raise EnvError(
            f"the policy gives each action a probability, so actions must be Discrete, but "
            f"{env.name} has {env.action_space}; wrap it in DiscretiseAction, or use sac"
        )
    head = Categorical(env.action_space.n)
    restrict = legal_only(head, env.observation_space)

    def net(params: Params, hp: Stretches, obs: Any) -> tuple[Array, Array]:
        return hp.net.build(head, env.observation_space).step(params, (), obs)[:2]

    def init(key: Key, hp: Stretches, obs: Any) -> Learner:
        params = hp.net.build(head, env.observation_space).init(key, obs)
        return Learner(params, clipped(hp).init(params))

    def acted(out: Array, action: Array) -> Acted:
        return Acted(action, head.log_prob(out, action))

    def explore(key, learner, hp, memory, obs):
        out, _ = net(learner.params, hp, obs)
        return acted(out, head.sample(key, out)), memory

    def mode(learner, hp, obs):
        out, _ = net(learner.params, hp, obs)
        return acted(out, head.mode(out))

    def random(key, hp, obs):
        out = restrict(jnp.zeros((hp.num_envs, head.num_actions)), obs)
        return acted(out, any_legal(key, out))

    def learn(key: Key, learner: Learner, hp: Stretches, batches: Sequence):
        del key

        def one(learner, drawn):
            def total(params):
                row = drawn.transition
                out, value = net(params, hp, row.obs)
                next_value = net(params, hp, row.final_obs)[1]
                log_prob = head.log_prob(out, row.action.action)
                return loss(hp, Seen(log_prob, head.entropy(out), value, next_value), drawn)

            params, opt_state, more = descend(total, clipped(hp), learner.params, learner.opt_state)
            return Learner(params, opt_state), more

        learner, (metrics, errors) = jax.lax.scan(one, learner, batches)
        return learner, jax.tree.map(jnp.mean, metrics), errors

    return off_policy.Method(
        init=init,
        explore=explore,
        mode=mode,
        random=random,
        learn=learn,
        value=lambda learner, hp, obs: net(learner.params, hp, obs)[1],
        decode=lambda hp, acted: acted.action,
        draw=draw,
    )
