"""Vectorisation, time limits and auto-reset: the only place where jaxac ends an episode."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxac.core import Key, frozen, strong
from jaxac.envs.contract import Env
from jaxac.envs.resets import fresh
from jaxac.envs.resets import where as where


@frozen
class EnvLoop:
    """`num_envs` environments under way; every leaf is [N, ...]."""

    env_state: Any
    obs: Any
    elapsed: Int[Array, " N"]  # steps taken in the current episode
    episode_return: Float[Array, "N *agents"]  # undiscounted reward collected in it
    kept: Any = ()  # by the plan of resets


@frozen
class Outcome:
    """One step of N environments, with episode ends told apart; every leaf is [N, ...].

    A rollout's are stacked, [T, N, ...]. With agents, rewards and returns are [..., A].
    """

    reward: Float[Array, "*batch"]
    terminated: Bool[Array, "*batch"]
    truncated: Bool[Array, "*batch"]  # never together with `terminated`
    final_obs: Any  # the true next observation, before any reset
    episode_return: Float[Array, "*batch"]  # of the episode so far, this step included
    episode_length: Int[Array, "*batch"]
    cost: Any = 0.0  # float [...], where the environment is constrained

    @property
    def done(self) -> Bool[Array, "*batch"]:
        """Whether the episode ended with this step, for either reason."""
        return self.terminated | self.truncated


def start(key: Key, env: Env, params: Any, num_envs: int, auto_reset: bool = True) -> EnvLoop:
    """Reset `num_envs` environments, each from a key of its own.

    `auto_reset` says whether `step` will be asked for it. Without it the plan of resets has no say.
    """
    if auto_reset:
        kept, first = env.resets.start(key, env.reset, params, num_envs)
    else:
        kept, first = (), fresh(key, env.reset, params, num_envs)
    kept, (env_state, obs) = jax.tree.map(strong, (kept, first))
    elapsed = jnp.zeros(num_envs, jnp.int32)
    episode_return = jnp.zeros((num_envs, *(() if env.num_agents is None else (env.num_agents,))))
    return EnvLoop(env_state, obs, elapsed, episode_return, kept)


def step(
    key: Key, env: Env, params: Any, loop: EnvLoop, action: Any, auto_reset: bool = True
) -> tuple[EnvLoop, Outcome]:
    """Step N environments; those whose episode ends start a fresh one, from a fresh random state.

    `action` is [N, ...]. `Outcome.final_obs` is the observation the step truly led to, while the
    next loop's `obs` is the first of the new episode. Without `auto_reset` an ended environment is
    left in its last state, and a further step goes on from there (evaluation, which counts first
    episodes only, looks no further).
    """
    num_envs = loop.elapsed.shape[0]
    key_step, key_reset = jax.random.split(key)
    env_state, s = jax.vmap(env.step, (0, 0, 0, None))(
        jax.random.split(key_step, num_envs), loop.env_state, action, params
    )
    elapsed = loop.elapsed + 1
    reward = jnp.asarray(s.reward, jnp.float32)
    terminated = jnp.asarray(s.terminated, bool)
    truncated = (jnp.asarray(s.truncated, bool) | (elapsed >= env.time_limit(params))) & ~terminated
    env_state, obs = _cast_like((env_state, s.obs), (loop.env_state, loop.obs))
    cost = jnp.asarray(s.cost, jnp.float32)
    episode_return = loop.episode_return + reward
    outcome = Outcome(reward, terminated, truncated, obs, episode_return, elapsed, cost)
    if not auto_reset:
        return EnvLoop(env_state, obs, elapsed, outcome.episode_return, loop.kept), outcome

    done = outcome.done
    env_state, obs = _cast_like(
        env.resets(key_reset, loop.kept, env.reset, params, done, (env_state, obs)),
        (env_state, obs),
    )
    elapsed = jnp.where(done, 0, elapsed)
    episode_return = where(done, jnp.zeros_like(outcome.episode_return), outcome.episode_return)
    return EnvLoop(env_state, obs, elapsed, episode_return, loop.kept), outcome


def _cast_like(tree, like):
    # unlike `astype`, this serves an environment that keeps a PRNG key in its state
    return jax.tree.map(lambda x, y: jax.lax.convert_element_type(x, y.dtype), tree, like)
