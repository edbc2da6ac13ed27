"""Act, collect, learn, discard: the loop every on-policy method shares."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import (
    Algorithm,
    Int,
    Key,
    Mean,
    Metrics,
    Scalar,
    Static,
    algorithm,
    field,
    frozen,
    replace,
    scheduled,
    together,
)
from jaxac.envs import loop as env_loop
from jaxac.envs.contract import Env
from jaxac.ops.minibatch import Minibatches
from jaxac.ops.normalise import Identity, Normaliser
from jaxac.ops.reward import Raw, RewardScale

EVALUATION = 2**31 - 1  # folded into the run's key: draws that no update ever makes
REVIEW = 2**31 - 2


@frozen
class Norm:
    """What is normalised by running statistics."""

    obs: Normaliser = field(Identity(), "observations that the networks see")
    reward: RewardScale = field(Raw(), "rewards that are learned from")


@frozen
class Settings:
    """Hyper-parameters of the loop. An update takes `num_steps` steps of every environment."""

    gamma: Scalar = field(
        0.99, "discount per step", within="[0, 1]", search=(0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
    )
    total_steps: Scalar = field(
        1e6, "environment steps over which schedules run; a sweep sets it", within="[1, inf)"
    )
    norm: Norm = field(Norm(), "normalisation")
    num_envs: Static[int] = field(16, "parallel environments", within="[1, inf)")
    num_steps: Static[int] = field(128, "steps of each environment per update", within="[1, inf)")
    num_updates: Static[int] = field(8, "updates per chunk; a sweep sets it", within="[1, inf)")
    eval_episodes: Static[int] = field(16, "episodes per evaluation", within="[1, inf)")


@frozen
class Loop:
    """What survives from one rollout to the next: [N, ...]."""

    envs: env_loop.EnvLoop
    carry: Any  # the network's memory of the episode under way


@frozen
class Trajectory:
    """[T, N, ...], or one row [N, ...] of it. `final_obs` is from before any auto-reset."""

    obs: Any
    action: Any
    log_prob: Float[Array, "*batch"]
    reset: Bool[Array, "*batch"]  # the memory restarts before this step
    outcome: env_loop.Outcome

    @property
    def final_obs(self) -> Any:
        """The observation each step truly led to."""
        return self.outcome.final_obs


class Rollout(NamedTuple):
    """What an update has to learn from."""

    traj: Trajectory
    """What happened, [T, N, ...]."""
    carry: Any
    """The network's memory before the first step, [N, ...]."""
    reward: Float[Array, "T N"]
    """Rewards, scaled."""
    discount: Float[Array, "T N"]
    """Gamma where the task goes on, 0 where it terminated."""
    seen: Callable[[Any], Any]
    """`seen(obs)`: observations as the networks see them."""


class Review(NamedTuple):
    """What a method learns once more from several rollouts together."""

    num: Callable[..., int]
    """`num(hp)`: rollouts between reviews; an update is so many of them, and the review."""
    keep: Callable[..., Any]
    """`keep(learner, hp, rollout)`: what is kept of a rollout, from before it is learned from"""
    learn: Callable[..., tuple[Any, Metrics]]
    """`learn(key, learner, hp, seen, kept) -> learner, metrics`, of all kept, [num, ...]"""


class Method(NamedTuple):
    """What a method is beyond its loop: pure functions of a learner, a pytree of its own making.

    Observations are normalised. `hp` is a `Settings` with every schedule at its value now.
    """

    init: Callable[..., Any]
    """`init(key, hp, obs) -> learner`, from observations [N, ...]"""
    act: Callable[..., tuple[Any, Any, Any]]
    """`act(key, learner, hp, carry, obs) -> action, log_prob, carry`, in the policy's units"""
    mode: Callable[..., tuple[Any, Any]]
    """`mode(learner, hp, carry, obs) -> action, carry`, the deterministic policy"""
    decode: Callable[..., Any]
    """`decode(hp, action)`: the environment's action"""
    learn: Callable[..., tuple[Any, Metrics]]
    """`learn(key, learner, hp, rollout) -> learner, metrics`, from a `Rollout`"""
    value: Callable[..., Array]
    """`value(learner, hp, obs) -> [N]`: the return expected of the policy"""
    start: Callable[..., Any] = lambda hp, num: ()
    """`start(hp, num)`: the network's memory before an episode, zeros [N, ...]"""
    refresh: Callable[..., Any] = lambda learner, hp, carry: carry
    """`refresh(learner, hp, carry)`: the memory [N, ...] that what was learned leaves"""
    review: Review | None = None


@frozen
class State:
    """One run."""

    hp: Any
    env_params: Any
    key: Key  # never advanced: rollout i draws from fold_in(key, i)
    step: Int  # rollouts learned from
    learner: Any
    loop: Loop
    stats: dict[str, Any]  # running statistics of hp.norm's `obs` and `reward`


def make(env: Env, method: Method) -> Algorithm:
    """The algorithm that `method` is on `env`. `init` raises what the method's own does."""

    def init(key: Key, hp: Any, env_params: Any) -> State:
        key_net, key_env, key_run = jax.random.split(key, 3)
        first = scheduled(hp, jnp.zeros(()))
        loop = start(key_env, env, env_params, hp.num_envs, method.start(first, hp.num_envs))
        learner = method.init(key_net, first, loop.envs.obs)
        stats = {
            "obs": hp.norm.obs.init(jax.tree.map(lambda x: x[0], loop.envs.obs)),
            "reward": hp.norm.reward.init(hp.num_envs),
        }
        return State(hp, env_params, key_run, jnp.int32(0), learner, loop, stats)

    def now(state: State) -> Any:
        steps = state.hp.num_envs * state.hp.num_steps
        return scheduled(state.hp, state.step * (steps / state.hp.total_steps))

    def one(state: State) -> tuple[State, dict[str, Any], Any]:
        hp, stats, learner = now(state), state.stats, state.learner
        key_act, key_learn = jax.random.split(jax.random.fold_in(state.key, state.step))

        def seen(obs):
            return hp.norm.obs(stats["obs"], obs)

        def act(key, carry, obs):
            return method.act(key, learner, hp, carry, seen(obs))

        def decode(action):
            return method.decode(hp, action)

        loop, traj = rollout(key_act, env, state.env_params, act, decode, state.loop, hp.num_steps)
        outcome = traj.outcome
        scale = hp.norm.reward.update(stats["reward"], outcome.reward, outcome.done, hp.gamma)
        reward, discount = hp.norm.reward(scale, outcome.reward), hp.gamma * ~outcome.terminated
        found = Rollout(traj, state.loop.carry, reward, discount, seen)
        kept = () if method.review is None else method.review.keep(learner, hp, found)
        learner, metrics = method.learn(key_learn, learner, hp, found)
        loop = replace(loop, carry=method.refresh(learner, hp, loop.carry))
        stats = {"obs": hp.norm.obs.update(stats["obs"], traj.obs), "reward": scale}
        state = replace(state, step=state.step + 1, learner=learner, loop=loop, stats=stats)
        return state, {**jax.tree.map(jnp.mean, metrics), **episode_metrics(outcome)}, kept

    def update(state: State):
        if method.review is None:
            return one(state)[:2]

        def following(state, _):
            state, metrics, kept = one(state)
            return state, (metrics, kept)

        num = method.review.num(state.hp)
        state, (metrics, kept) = jax.lax.scan(following, state, length=num)
        hp, stats = now(state), state.stats["obs"]
        key = jax.random.fold_in(jax.random.fold_in(state.key, REVIEW), state.step)
        learner, more = method.review.learn(
            key, state.learner, hp, lambda obs: hp.norm.obs(stats, obs), kept
        )
        metrics = {k: together(x) for k, x in metrics.items()}
        loop = replace(state.loop, carry=method.refresh(learner, hp, state.loop.carry))
        return replace(state, learner=learner, loop=loop), {
            **metrics,
            **jax.tree.map(jnp.mean, more),
        }

    def act(state: State, obs, carry=None, key=None):
        hp = now(state)
        carry = method.start(hp, num_rows(obs)) if carry is None else carry
        seen = hp.norm.obs(state.stats["obs"], obs)
        if key is None:
            action, carry = method.mode(state.learner, hp, carry, seen)
        else:
            action, _, carry = method.act(key, state.learner, hp, carry, seen)
        return method.decode(hp, action), carry

    def evaluation(state: State):
        hp = now(state)
        return evaluate(
            state.key,
            state.step,
            env,
            state.env_params,
            lambda carry, obs: act(state, obs, carry),
            method.start(hp, hp.eval_episodes),
            hp.eval_episodes,
        )

    def steps_per_update(hp: Any) -> int:
        num = 1 if method.review is None else method.review.num(hp)
        return num * hp.num_envs * hp.num_steps

    def value(state: State, obs):
        hp = now(state)
        return method.value(state.learner, hp, hp.norm.obs(state.stats["obs"], obs))

    return algorithm(init, update, evaluation, act, steps_per_update, env.params, value)


Act = Callable[[Key, Any, Any], tuple[Any, Float[Array, " N"], Any]]
"""`act(key, carry, obs) -> action, log_prob, carry`, all [N, ...]."""


def start(key: Key, env: Env, env_params: Any, num_envs: int, carry: Any = ()) -> Loop:
    """Fresh environments, and the memory `carry` [N, ...] of a network before an episode."""
    return Loop(env_loop.start(key, env, env_params, num_envs), carry)


def rollout(
    key: Key,
    env: Env,
    env_params: Any,
    act: Act,
    decode: Callable[[Any], Any],
    loop: Loop,
    num_steps: int,
) -> tuple[Loop, Trajectory]:
    """Step N environments `num_steps` times; `decode` maps `act`'s action to the environment's."""

    def one(carried, key):
        loop, reset = carried
        key_act, key_env = jax.random.split(key)
        action, log_prob, carry = act(key_act, loop.carry, loop.envs.obs)
        envs, outcome = env_loop.step(key_env, env, env_params, loop.envs, decode(action))
        row = Trajectory(loop.envs.obs, action, log_prob, reset, outcome)
        carry = forget(outcome.done, carry)
        return (Loop(envs, carry), outcome.done), row

    no_reset = jnp.zeros(loop.envs.elapsed.shape, bool)
    (loop, _), traj = jax.lax.scan(one, (loop, no_reset), jax.random.split(key, num_steps))
    return loop, traj


def num_rows(tree: Any) -> int:
    """N of a pytree of [N, ...] leaves."""
    return jax.tree.leaves(tree)[0].shape[0]


def forget(done: Bool[Array, " N"], carry: Any) -> Any:
    """The memory [N, ...] with the rows of ended episodes set to zero."""
    return env_loop.where(done, jax.tree.map(jnp.zeros_like, carry), carry)


def episode_metrics(outcome: env_loop.Outcome) -> dict[str, Mean]:
    """Return and length of the episodes that ended in a rollout, with actions sampled."""
    done = outcome.done.astype(jnp.float32)
    count = done.sum()
    return {
        "episode_return": Mean((outcome.episode_return * done).sum(), count),
        "episode_length": Mean((outcome.episode_length * done).sum(), count),
    }


def epochs(
    key: Key,
    learn: Callable[[Any, Any, Any], tuple[Any, Metrics]],
    learner: Any,
    order: Minibatches,
    carry: Any,
    data: Any,
    num_epochs: int,
    num_minibatches: int,
) -> tuple[Any, Metrics]:
    """Pass `num_epochs` times over the data [T, N, ...], `learn`ing from each minibatch in turn.

    `learn(learner, carry, minibatch) -> learner, metrics` sees [t, B, ...]; the metrics returned
    are means over all minibatches.
    """

    def epoch(learner, key):
        parts = order(key, carry, data, num_minibatches)
        return jax.lax.scan(lambda s, part: learn(s, *part), learner, parts)

    learner, metrics = jax.lax.scan(epoch, learner, jax.random.split(key, num_epochs))
    return learner, jax.tree.map(jnp.mean, metrics)


def evaluate(
    key: Key,
    step: Int,
    env: Env,
    env_params: Any,
    act: Callable[[Any, Any], tuple[Any, Any]],
    carry: Any,
    num_episodes: int,
) -> Metrics:
    """Complete first episodes of `act(carry, obs) -> env_action, carry` in fresh environments.

    `key` is the run's own key and `step` its update count, from which draws are made that training
    never makes. `carry` [num_episodes, ...] is the memory before an episode. Every episode runs to
    its end (the loop stops when the last one has), so the mean is not biased to short ones. Of a
    constrained environment `eval_cost` is an episode's cost.
    """
    key_reset, key_run = jax.random.split(
        jax.random.fold_in(jax.random.fold_in(key, EVALUATION), step)
    )
    begin = Loop(env_loop.start(key_reset, env, env_params, num_episodes, auto_reset=False), carry)
    zero = jnp.zeros(num_episodes)

    def unfinished(carried):
        return ~carried[1].all()

    def one(carried):
        loop, over, returns, lengths, costs, t = carried
        action, carry = act(loop.carry, loop.envs.obs)
        envs, outcome = env_loop.step(
            jax.random.fold_in(key_run, t), env, env_params, loop.envs, action, auto_reset=False
        )
        returns = jnp.where(over, returns, outcome.episode_return)
        lengths = jnp.where(over, lengths, outcome.episode_length)
        costs = jnp.where(over, costs, costs + outcome.cost)
        return Loop(envs, carry), over | outcome.done, returns, lengths, costs, t + 1

    first = (begin, zero > 0, zero, zero.astype(jnp.int32), zero, jnp.int32(0))
    _, _, returns, lengths, costs, _ = jax.lax.while_loop(unfinished, one, first)
    return {
        "eval_return": returns.mean(),
        "eval_return_std": returns.std(),
        "eval_length": lengths.astype(jnp.float32).mean(),
        **({"eval_cost": costs.mean()} if env.constrained else {}),
    }
