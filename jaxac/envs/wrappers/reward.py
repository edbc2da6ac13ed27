"""Wrappers that change the reward, and with it the returns that are reported.

What only the learner should see otherwise (running scales, say) is its own: the slot `norm.reward`.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.core import Int, Scalar, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.envs.wrappers.role import Held


@frozen
class ScaleReward:
    """The reward times a factor, plus a constant."""

    scale: Scalar = field(1.0, "factor of every reward")
    shift: Scalar = field(0.0, "added to every reward afterwards")

    def __call__(self, env):
        return _paid(env, lambda reward: self.scale * reward + self.shift)


@frozen
class ClipReward:
    """The reward clipped to [low, high]."""

    low: Scalar = field(-1.0, "least reward")
    high: Scalar = field(1.0, "greatest reward")

    def __call__(self, env):
        return _paid(env, lambda reward: jnp.clip(reward, self.low, self.high))


@frozen
class SignReward:
    """The sign of the reward: -1, 0 or 1. Source: Mnih et al. 2015."""

    def __call__(self, env):
        return _paid(env, jnp.sign)


@frozen
class RewardNoise:
    """Independent Gaussian noise on every reward, each agent's its own."""

    std: Scalar = field(0.1, "standard deviation, in units of reward", within="[0, inf)")

    def __call__(self, env):
        def step(key, state, action, params):
            key_env, key_noise = jax.random.split(key)
            state, s = env.step(key_env, state, action, params)
            noise = self.std * jax.random.normal(key_noise, jnp.shape(s.reward))
            return state, replace(s, reward=s.reward + noise)

        return dataclasses.replace(env, step=step)


@frozen
class SparseReward:
    """Nothing until the episode ends, then the sum of its rewards.

    It ends by termination, by the environment's own cut, or by the time limit, to which the wrapper
    counts itself.
    """

    def __call__(self, env):
        return _late(env, lambda elapsed: jnp.zeros_like(elapsed, bool))


@frozen
class DelayedReward:
    """Rewards are held back and paid as a sum every `period` steps, and when the episode ends.

    Source: the delayed-reward tasks of Oh et al. 2018, arXiv:1806.05635.
    """

    period: Int | int = field(20, "steps from one payment to the next", within="[1, inf)")

    def __call__(self, env):
        return _late(env, lambda elapsed: elapsed % self.period == 0)


def _paid(env: Env, pay: Callable[[Any], Array]) -> Env:
    """`env` with each reward replaced by what `pay` makes of it."""

    def step(key, state, action, params):
        state, s = env.step(key, state, action, params)
        return state, replace(s, reward=pay(s.reward))

    return dataclasses.replace(env, step=step)


def _late(env: Env, due: Callable[[Array], Array]) -> Env:
    """`env` with rewards summed up until so many steps make them `due`, or the episode ends."""

    def reset(key, params):
        state, obs = env.reset(key, params)
        owed = jnp.zeros(() if env.num_agents is None else (env.num_agents,))
        return Held(state, (jnp.int32(0), owed)), obs

    def step(key, state, action, params):
        inner, s = env.step(key, state.env, action, params)
        elapsed, owed = state.memory
        elapsed, owed = elapsed + 1, owed + s.reward
        pays = due(elapsed) | s.terminated | s.truncated | (elapsed >= env.time_limit(params))
        memory = elapsed, jnp.where(pays, 0.0, owed)
        return Held(inner, memory), replace(s, reward=jnp.where(pays, owed, 0.0))

    return dataclasses.replace(env, reset=reset, step=step)
