"""Wrappers that change what is observed; of several observations by name, `policy` alone."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxac.core import Scalar, Static, field, frozen, replace
from jaxac.envs.contract import Box, Discrete, Env, view
from jaxac.envs.wrappers.role import Held
from jaxac.errors import EnvError

Values = Scalar | tuple[float, ...] | Float[Array, "..."]
"""One number, or one for each element; a list in a sweep file."""


@frozen
class RescaleObservation:
    """Bounded observations to [-1, 1], by the bounds of their space.

    Raises `EnvError` for a space with an infinite bound.
    """

    def __call__(self, env):
        return _rescaled(self, env, -1.0)


@frozen
class ScaleImage:
    """Pixels to floating-point numbers in [0, 1], by the bounds of their space.

    Raises `EnvError` for a space with an infinite bound.
    """

    def __call__(self, env):
        return _rescaled(self, env, 0.0)


@frozen
class NormaliseObservation:
    """Observations less a given mean, over a given standard deviation.

    The two stay as given. Statistics that follow the data belong to the learner, not to its
    environment: they are the algorithm's slot `norm.obs`. Raises `EnvError` for arrays that do not
    fit the observation's shape.
    """

    mean: Values = field(0.0, "subtracted first; a number or one per element")
    std: Values = field(1.0, "then divided by; a number or one per element", within="(0, inf)")

    def __call__(self, env):
        shape = _policy(env).shape
        mean, std = (jnp.asarray(x, jnp.float32) for x in (self.mean, self.std))
        for name, given in (("mean", mean), ("std", std)):
            if given.shape not in ((), shape):
                raise EnvError(
                    f"NormaliseObservation.{name} has shape {given.shape}, but {env.name} observes "
                    f"{_policy(env)}; give one number, or an array of shape {shape}"
                )
        return _observed(env, lambda obs: (obs - mean) / std, Box(shape))


@frozen
class ClipObservation:
    """Every element clipped to [low, high].

    As these are traced, the space has no bounds afterwards; for a space with bounds divide by
    `NormaliseObservation(std=...)` instead of rescaling.
    """

    low: Scalar = field(-10.0, "least value of an element")
    high: Scalar = field(10.0, "greatest value of an element")

    def __call__(self, env):
        space = _floating(self, env)
        return _observed(
            env, lambda obs: jnp.clip(obs, self.low, self.high), Box(space.shape, dtype=space.dtype)
        )


@frozen
class FlattenObservation:
    """Observations as vectors, the last axis fastest."""

    def __call__(self, env):
        space = _policy(env)

        def flat(obs):
            return jnp.reshape(obs, (*obs.shape[: obs.ndim - len(space.shape)], space.size))

        return _observed(env, flat, dataclasses.replace(space, shape=(space.size,)))


@frozen
class ObservationNoise:
    """Independent Gaussian noise on every element of every observation, the last one too.

    Raises `EnvError` for observations that are integers.
    """

    std: Scalar = field(0.1, "standard deviation, in units of the observation", within="[0, inf)")

    def __call__(self, env):
        space = _floating(self, env)

        def noisy(key, obs):
            return _change(
                obs, lambda x: x + self.std * jax.random.normal(key, jnp.shape(x), x.dtype)
            )

        def reset(key, params):
            key_env, key_noise = jax.random.split(key)
            state, obs = env.reset(key_env, params)
            return state, noisy(key_noise, obs)

        def step(key, state, action, params):
            key_env, key_noise = jax.random.split(key)
            state, s = env.step(key_env, state, action, params)
            return state, replace(s, obs=noisy(key_noise, s.obs))

        return _seen(env, reset, step, Box(space.shape, dtype=space.dtype))


@frozen
class FrameStack:
    """The last `num` observations as one, the oldest first; the first is repeated at reset.

    Images [..., C] become [..., num C], vectors [D] become [num D]; what has no such axis (a grid
    [H, W], a number) gets one, of size `num`. Source: Mnih et al. 2015 (4 frames).
    """

    num: Static[int] = field(4, "observations in one", within="[1, inf)")

    def __call__(self, env):
        space = _policy(env)
        widen = len(space.shape) in (0, 2)
        low, high = (_wide(x) if widen else x for x in space.bounds)
        size = low.shape[-1]

        def frame(obs):
            return _wide(obs) if widen else obs

        def reset(key, params):
            state, obs = env.reset(key, params)
            stack = jnp.concatenate([frame(view(obs, "policy"))] * self.num, axis=-1)
            return Held(state, stack), _change(obs, lambda _: stack)

        def step(key, state, action, params):
            inner, s = env.step(key, state.env, action, params)
            newest = frame(view(s.obs, "policy"))
            stack = jnp.concatenate([state.memory[..., size:], newest], axis=-1)
            return Held(inner, stack), replace(s, obs=_change(s.obs, lambda _: stack))

        low, high = (np.concatenate([x] * self.num, axis=-1) for x in (low, high))
        return _seen(env, reset, step, _box(low, high, space.dtype))


@frozen
class TimeAware:
    """The remaining share of the time limit, from 1 to 0, as one more element or plane.

    It makes a task with a time limit Markov: Pardo et al. 2018, arXiv:1712.00378. A vector gets an
    element, an image [H, W, C] a constant plane. Raises `EnvError` for other shapes, and for
    integers, which cannot hold a share.
    """

    def __call__(self, env):
        space = _floating(self, env)
        if len(space.shape) not in (1, 3):
            raise EnvError(
                f"TimeAware adds to a vector or an image [H, W, C], but {env.name} observes "
                f"{space}; put FlattenObservation before it"
            )

        def observed(obs, elapsed, params):
            limit = env.time_limit(params)
            share = jnp.maximum(limit - elapsed, 0) / limit

            def with_share(x):
                plane = jnp.broadcast_to(share.astype(x.dtype), (*x.shape[:-1], 1))
                return jnp.concatenate([x, plane], axis=-1)

            return _change(obs, with_share)

        def reset(key, params):
            state, obs = env.reset(key, params)
            elapsed = jnp.int32(0)
            return Held(state, elapsed), observed(obs, elapsed, params)

        def step(key, state, action, params):
            inner, s = env.step(key, state.env, action, params)
            elapsed = state.memory + 1
            return Held(inner, elapsed), replace(s, obs=observed(s.obs, elapsed, params))

        none = np.zeros((*space.shape[:-1], 1), np.float32)
        low, high = (
            np.concatenate([x, y], axis=-1)
            for x, y in zip(space.bounds, (none, none + 1), strict=True)
        )
        return _seen(env, reset, step, _box(low, high, space.dtype))


@frozen
class LastStep:
    """The last action and reward beside a vector of observations.

    Discrete actions are one-hot; before the first step all are 0. So a memory can learn from what
    it did: Duan et al. 2016, arXiv:1611.02779, and Wang et al. 2016, arXiv:1611.05763. Raises
    `EnvError` for observations that are no vectors, and for several agents.
    """

    def __call__(self, env):
        space = _vector(self, env)
        acts = env.action_space
        discrete = isinstance(acts, Discrete)
        num = acts.n if discrete else acts.size
        least, most = (np.zeros(num), np.ones(num)) if discrete else acts.bounds

        def beside(obs, action, reward):
            last = jnp.append(action, reward).astype(obs.dtype)
            return jnp.concatenate([obs, last])

        def reset(key, params):
            state, obs = env.reset(key, params)
            return state, _change(obs, lambda x: beside(x, jnp.zeros(num), 0.0))

        def step(key, state, action, params):
            state, s = env.step(key, state, action, params)
            done = jax.nn.one_hot(action, num) if discrete else jnp.ravel(action)
            return state, replace(s, obs=_change(s.obs, lambda x: beside(x, done, s.reward)))

        low, high = space.bounds
        low = np.concatenate([low, np.minimum(least, 0.0).ravel(), [-np.inf]])
        high = np.concatenate([high, np.maximum(most, 0.0).ravel(), [np.inf]])
        return _seen(env, reset, step, _box(low, high, space.dtype))


@frozen
class ReturnToGo:
    """The return that is asked of an episode, less what it has earned, beside a vector.

    So a policy can be told how well to do: Srivastava et al. 2019, arXiv:1912.02877, and Chen et
    al. 2021, arXiv:2106.01345. Rewards are those under this wrapper, undiscounted. Raises
    `EnvError` for observations that are no vectors, and for several agents.
    """

    desired: Scalar = field(0.0, "return that is asked of an episode, in units of reward")

    def __call__(self, env):
        space = _vector(self, env)

        def beside(obs, earned):
            return _change(obs, lambda x: jnp.append(x, self.desired - earned).astype(x.dtype))

        def reset(key, params):
            state, obs = env.reset(key, params)
            earned = jnp.float32(0.0)
            return Held(state, earned), beside(obs, earned)

        def step(key, state, action, params):
            inner, s = env.step(key, state.env, action, params)
            earned = state.memory + s.reward
            return Held(inner, earned), replace(s, obs=beside(s.obs, earned))

        low, high = (np.append(x, y) for x, y in zip(space.bounds, (-np.inf, np.inf), strict=True))
        return _seen(env, reset, step, _box(low, high, space.dtype))


def _rescaled(wrapper: Any, env: Env, least: float) -> Env:
    """Observations mapped from their bounds to [least, 1]."""
    space = _policy(env)
    low, high = space.bounds
    if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
        raise EnvError(
            f"{type(wrapper).__name__} needs finite bounds, low below high, but {env.name} "
            f"observes {space}; use NormaliseObservation"
        )

    def rescaled(obs):
        share = (jnp.asarray(obs, jnp.float32) - low) / (high - low)
        return least + (1.0 - least) * share

    return _observed(env, rescaled, Box(space.shape, least, 1.0))


def _observed(env: Env, see: Callable[[Array], Array], space: Box) -> Env:
    """`env` with each observation replaced by what `see` makes of it."""

    def reset(key, params):
        state, obs = env.reset(key, params)
        return state, _change(obs, see)

    def step(key, state, action, params):
        state, s = env.step(key, state, action, params)
        return state, replace(s, obs=_change(s.obs, see))

    return _seen(env, reset, step, space)


def _seen(env: Env, reset: Callable, step: Callable, space: Box) -> Env:
    observations = env.observation_space
    seen = {**observations, "policy": space} if isinstance(observations, dict) else space
    return dataclasses.replace(env, reset=reset, step=step, observation_space=seen)


def _change(obs: Any, see: Callable[[Array], Array]) -> Any:
    return {**obs, "policy": see(obs["policy"])} if isinstance(obs, dict) else see(obs)


def _policy(env: Env) -> Box:
    return view(env.observation_space, "policy")


def _floating(wrapper: Any, env: Env) -> Box:
    space = _policy(env)
    if not jnp.issubdtype(jnp.dtype(space.dtype), jnp.floating):
        raise EnvError(
            f"{type(wrapper).__name__} needs floating-point observations, but {env.name} observes "
            f"{space}; put ScaleImage or NormaliseObservation before it"
        )
    return space


def _vector(wrapper: Any, env: Env) -> Box:
    space = _floating(wrapper, env)
    if len(space.shape) != 1 or env.num_agents is not None:
        raise EnvError(
            f"{type(wrapper).__name__} adds to a vector that one agent sees, but {env.name} "
            f"observes {space}; put FlattenObservation before it"
        )
    return space


def _wide(x: Any) -> Any:
    return x[..., None]


def _box(low: np.ndarray, high: np.ndarray, dtype: str) -> Box:
    def short(x: np.ndarray) -> float | tuple[float, ...]:
        return float(x.flat[0]) if x.size and (x == x.flat[0]).all() else tuple(x.ravel().tolist())

    return Box(low.shape, short(low), short(high), dtype)
