"""Act, remember, draw, learn: the loop that every method with a replay buffer shares."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array

from jaxac.core import (
    Algorithm,
    Int,
    Key,
    Mean,
    Metrics,
    Params,
    Scalar,
    Static,
    algorithm,
    field,
    frozen,
    replace,
    scheduled,
)
from jaxac.data import replay as replays
from jaxac.data.replay import Batch, Buffer, Replay
from jaxac.envs.contract import Env
from jaxac.runners import on_policy


@frozen
class Settings:
    """Hyper-parameters of the loop. An update takes `num_steps` steps of every environment and then
    `num_rounds` rounds of learning, so there are
    `num_rounds * critic_steps / (num_envs * num_steps)` critic steps to an environment step.
    """

    gamma: Scalar = field(
        0.99, "discount per step", within="[0, 1]", search=(0.9, 0.95, 0.98, 0.99, 0.995)
    )
    warm_up: Scalar = field(
        1_000, "environment steps of random actions before anything is learned", within="[0, inf)"
    )
    total_steps: Scalar = field(
        1e6, "environment steps over which schedules run; a sweep sets it", within="[1, inf)"
    )
    replay: Replay = field(Replay(), "what is remembered, and how it is drawn")
    norm: on_policy.Norm = field(
        on_policy.Norm(), "normalisation; the buffer keeps what it was given"
    )
    batch_size: Static[int] = field(
        256, "transitions in a gradient step", within="[1, inf)", search=(64, 128, 256, 512)
    )
    num_envs: Static[int] = field(1, "parallel environments", within="[1, inf)")
    num_steps: Static[int] = field(1, "steps of each environment per update", within="[1, inf)")
    num_rounds: Static[int] = field(1, "rounds of learning per update", within="[1, inf)")
    critic_steps: Static[int] = field(
        1, "critic steps in a round, each on a batch of its own", within="[1, inf)"
    )
    num_updates: Static[int] = field(1_000, "updates per chunk; a sweep sets it", within="[1, inf)")
    eval_episodes: Static[int] = field(16, "episodes per evaluation", within="[1, inf)")


def transitions(key: Key, hp: Any, buffer: Buffer, stats: dict[str, Any]) -> tuple[Batch, Array]:
    """Of each critic step a batch, [critic_steps, B, ...], and all places, for the replay's law."""
    num = hp.critic_steps * hp.batch_size
    batch = hp.replay.sample(
        key, buffer, num, hp.gamma, lambda r: hp.norm.reward(stats["reward"], r)
    )
    obs, final_obs = (hp.norm.obs(stats["obs"], x) for x in (batch.obs, batch.final_obs))
    shape = hp.critic_steps, hp.batch_size
    batches = jax.tree.map(
        lambda x: x.reshape(*shape, *x.shape[1:]), replace(batch, obs=obs, final_obs=final_obs)
    )
    return batches, batch.place


class Method(NamedTuple):
    """What a method is beyond its loop: pure functions of a learner, a pytree of its own making.

    Observations are normalised. `hp` is a `Settings` with every schedule at its value now.
    """

    init: Callable[..., Any]
    """`init(key, hp, obs) -> learner`, from observations [N, ...]"""
    explore: Callable[..., tuple[Any, Any]]
    """`explore(key, learner, hp, memory, obs) -> action, memory`, in the policy's units"""
    mode: Callable[..., Any]
    """`mode(learner, hp, obs) -> action`, the deterministic policy"""
    random: Callable[..., Any]
    """`random(key, hp, obs) -> action`, before anything is learned"""
    learn: Callable[..., tuple[Any, Metrics, Array]]
    """`learn(key, learner, hp, batches) -> learner, metrics, errors`: a round, of batches
    [critic_steps, B, ...]; absolute TD errors [critic_steps, B] go to the replay's law"""
    value: Callable[..., Array]
    """`value(learner, hp, obs) -> [N]`: the return expected of the deterministic policy"""
    decode: Callable[..., Any]
    """`decode(hp, action)`: the environment's action"""
    memory: Callable[..., Any] = lambda hp, num: ()
    """`memory(hp, num)`: what exploration remembers before an episode, zeros [N, ...]"""
    draw: Callable[..., tuple[Any, Array]] = transitions
    """`draw(key, hp, buffer, stats) -> batches, place`: what a round learns from"""


@frozen
class Learner:
    """One network as it is trained, where a method has no more, and its slow copy."""

    params: Params
    opt_state: optax.OptState
    slow: Any
    step: Int  # gradient steps


@frozen
class State:
    """One run."""

    hp: Any
    env_params: Any
    key: Key  # never advanced: update i draws from fold_in(key, i)
    step: Int  # updates done
    learner: Any
    loop: on_policy.Loop
    replay: Buffer
    stats: dict[str, Any]  # running statistics of hp.norm's two


def make(env: Env, method: Method) -> Algorithm:
    """The algorithm that `method` is on `env`.

    `init` raises `ConfigError` for a buffer that is too small, and `EnvError` for networks or a
    storage that do not fit the environment.
    """

    def init(key: Key, hp: Any, env_params: Any) -> State:
        key_net, key_env, key_run = jax.random.split(key, 3)
        hp.replay.storage.check(env)
        first = scheduled(hp, jnp.zeros(()))
        memory = method.memory(first, hp.num_envs)
        loop = on_policy.start(key_env, env, env_params, hp.num_envs, memory)
        action = method.random(key_net, first, loop.envs.obs)
        buffer = hp.replay.init(replays.example(loop.envs.obs, action), hp.num_steps)
        stats = {
            "obs": hp.norm.obs.init(jax.tree.map(lambda x: x[0], loop.envs.obs)),
            "reward": hp.norm.reward.init(hp.num_envs),
        }
        learner = method.init(key_net, first, loop.envs.obs)
        return State(hp, env_params, key_run, jnp.int32(0), learner, loop, buffer, stats)

    def now(state: State) -> Any:
        progress = state.step * (steps_per_update(state.hp) / state.hp.total_steps)
        return scheduled(state.hp, progress)

    def update(state: State):
        hp, learner, stats = now(state), state.learner, state.stats
        key_act, key_learn = jax.random.split(jax.random.fold_in(state.key, state.step))
        learns = state.step * steps_per_update(hp) >= hp.warm_up

        def act(key, memory, obs):
            key_policy, key_random = jax.random.split(key)
            seen = hp.norm.obs(stats["obs"], obs)
            action, memory = method.explore(key_policy, learner, hp, memory, seen)
            random = method.random(key_random, hp, obs)
            action = jax.tree.map(lambda a, b: jnp.where(learns, a, b), action, random)
            return action, jnp.zeros(hp.num_envs), memory

        def decode(action):
            return method.decode(hp, action)

        loop, traj = on_policy.rollout(
            key_act, env, state.env_params, act, decode, state.loop, hp.num_steps
        )
        reward, done = traj.outcome.reward, traj.outcome.done
        stats = {
            "obs": hp.norm.obs.update(stats["obs"], traj.obs),
            "reward": hp.norm.reward.update(stats["reward"], reward, done, hp.gamma),
        }
        row = replays.transition(traj.obs, traj.action, traj.outcome)
        buffer = hp.replay.add(state.replay, row)

        def learn(learner, memory):
            return rounds(key_learn, method, learner, hp, replace(buffer, memory=memory), stats)

        def wait(learner, memory):
            metrics = jax.eval_shape(learn, learner, memory)[2]
            return learner, memory, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), metrics)

        learner, memory, metrics = jax.lax.cond(learns, learn, wait, learner, buffer.memory)
        state = replace(
            state,
            step=state.step + 1,
            learner=learner,
            loop=loop,
            replay=replace(buffer, memory=memory),
            stats=stats,
        )
        return state, {**metrics, **on_policy.episode_metrics(traj.outcome)}

    def act(state: State, obs, carry=None, key=None):
        hp = now(state)
        carry = method.memory(hp, on_policy.num_rows(obs)) if carry is None else carry
        seen = hp.norm.obs(state.stats["obs"], obs)
        if key is None:
            return method.decode(hp, method.mode(state.learner, hp, seen)), carry
        action, carry = method.explore(key, state.learner, hp, carry, seen)
        return method.decode(hp, action), carry

    def evaluate(state: State):
        hp = state.hp
        return on_policy.evaluate(
            state.key,
            state.step,
            env,
            state.env_params,
            lambda carry, obs: act(state, obs, carry),
            method.memory(hp, hp.eval_episodes),
            hp.eval_episodes,
        )

    def steps_per_update(hp: Any) -> int:
        return hp.num_envs * hp.num_steps

    def value(state: State, obs):
        return method.value(state.learner, now(state), state.hp.norm.obs(state.stats["obs"], obs))

    return algorithm(init, update, evaluate, act, steps_per_update, env.params, value)


def rounds(
    key: Key, method: Method, learner: Any, hp: Any, buffer: Buffer, stats: dict[str, Any]
) -> tuple[Any, Any, dict[str, Mean]]:
    """The learning of one update: the learner, the law's memory and the mean of each metric."""

    def one(carried, key):
        learner, memory = carried
        key_draw, key_learn = jax.random.split(key)
        now = replace(buffer, memory=memory)
        batches, place = method.draw(key_draw, hp, now, stats)
        learner, metrics, errors = method.learn(key_learn, learner, hp, batches)
        memory = hp.replay.law.learned(memory, place, errors.reshape(place.shape))
        return (learner, memory), metrics

    (learner, memory), metrics = jax.lax.scan(
        one, (learner, buffer.memory), jax.random.split(key, hp.num_rounds)
    )
    return learner, memory, {k: Mean(v.mean(), jnp.ones(())) for k, v in metrics.items()}
