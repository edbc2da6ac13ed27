"""Act, collect, learn, discard: the loop every on-policy method shares."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import Int, Key, Mean, Metrics, frozen
from jaxac.envs import loop as env_loop
from jaxac.envs.contract import Env
from jaxac.ops.minibatch import Minibatches

EVALUATION = 2**31 - 1  # folded into the run's key: draws that no update ever makes


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
    its end (the loop stops when the last one has), so the mean is not biased to short ones.
    """
    key_reset, key_run = jax.random.split(
        jax.random.fold_in(jax.random.fold_in(key, EVALUATION), step)
    )
    begin = Loop(env_loop.start(key_reset, env, env_params, num_episodes, auto_reset=False), carry)
    zero = jnp.zeros(num_episodes)

    def unfinished(carried):
        return ~carried[1].all()

    def one(carried):
        loop, over, returns, lengths, t = carried
        action, carry = act(loop.carry, loop.envs.obs)
        envs, outcome = env_loop.step(
            jax.random.fold_in(key_run, t), env, env_params, loop.envs, action, auto_reset=False
        )
        returns = jnp.where(over, returns, outcome.episode_return)
        lengths = jnp.where(over, lengths, outcome.episode_length)
        return Loop(envs, carry), over | outcome.done, returns, lengths, t + 1

    first = (begin, zero > 0, zero, zero.astype(jnp.int32), jnp.int32(0))
    _, _, returns, lengths, _ = jax.lax.while_loop(unfinished, one, first)
    return {
        "eval_return": returns.mean(),
        "eval_return_std": returns.std(),
        "eval_length": lengths.astype(jnp.float32).mean(),
    }
