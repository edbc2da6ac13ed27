"""gymnax (>= 1.0): classic control, MinAtar, bsuite and its own small tasks.

The un-reset `reset_env` and `step_env` are wrapped, so gymnax's auto-reset never runs. Its time
limit is a number in its params (`max_steps_in_episode`), so it is traced here too; MNISTBandit is
left out because it downloads its data.
"""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.envs.contract import Box, Discrete, Env, Space, TimeStep
from jaxac.errors import EnvError, RegistryError, closest

LEFT_OUT = ("MNISTBandit-bsuite",)


def ids() -> tuple[str, ...]:
    """Names of the gymnax environments that jaxac can train on."""
    return tuple(x for x in _gymnax().registered_envs if x not in LEFT_OUT)


def make(name: str) -> Env:
    """The gymnax environment `name` under jaxac's contract.

    Raises `RegistryError` for an unknown name, `EnvError` if gymnax is missing.
    """
    if name not in ids():
        raise RegistryError(f"gymnax has no environment {name!r}{closest(name, ids())}")
    return dataclasses.replace(adapt(*_gymnax().make(name)), name=name)


def adapt(env: Any, params: Any) -> Env:
    """Any `gymnax.Environment` object with its params, one of your own too.

    Discrete observations (FrozenLake) become one-hot vectors.
    """

    seen = _space(env.observation_space(params), env.name)

    def encode(obs):
        return jax.nn.one_hot(obs, seen.n) if isinstance(seen, Discrete) else obs

    def reset(key, params):
        obs, state = env.reset_env(key, params)
        return state, encode(obs)

    def step(key, state, action, params):
        obs, state, reward, terminated, _ = env.step_env(key, state, action, params)
        reward = jnp.asarray(reward, jnp.float32)  # some of gymnax's are integers
        return state, TimeStep(encode(obs), reward, terminated, jnp.zeros((), bool))

    def time_limit(params):
        return params.max_steps_in_episode

    observation_space = Box((seen.n,), 0.0, 1.0) if isinstance(seen, Discrete) else seen
    action_space = _space(env.action_space(params), env.name)
    return Env(env.name, reset, step, params, observation_space, action_space, time_limit)


def _space(space: Any, name: str) -> Space:
    kind = type(space).__name__
    if kind == "Discrete":
        return Discrete(int(space.n))
    if kind == "Box":
        low, high = (_bound(x) for x in (space.low, space.high))
        return Box(tuple(space.shape), low, high)
    raise EnvError(f"gymnax environment {name!r} has a {kind} space; jaxac takes Discrete and Box")


def _bound(x: Any) -> float | tuple[float, ...]:
    flat = np.asarray(x, np.float32).ravel()
    numbers = tuple(math.copysign(math.inf, v) if abs(v) > 1e38 else float(v) for v in flat)
    return numbers[0] if len(set(numbers)) == 1 else numbers


def _gymnax() -> Any:
    try:
        import gymnax
    except ImportError as error:
        raise EnvError(
            f"gymnax cannot be imported ({error}); python -m pip install 'gymnax>=1.0,<1.1' six"
        ) from error
    return gymnax
