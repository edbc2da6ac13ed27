"""gymnax (>= 1.0): classic control, MinAtar, bsuite and its own small tasks.

The un-reset `reset_env` and `step_env` are wrapped, so gymnax's auto-reset never runs. Its time
limit is a number in its params (`max_steps_in_episode`), so it is traced here too; MNISTBandit is
left out because it downloads its data.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import strong
from jaxac.envs import sketches
from jaxac.envs.adapters import extras
from jaxac.envs.contract import Box, Discrete, Env, Space, TimeStep
from jaxac.envs.picture import cells_picture
from jaxac.errors import EnvError, RegistryError, closest

CLASSIC = {
    "CartPole-v1": sketches.cart_pole,
    "Pendulum-v1": sketches.pendulum,
    "Acrobot-v1": sketches.acrobot,
    "MountainCar-v0": sketches.mountain_car,
    "MountainCarContinuous-v0": sketches.mountain_car,
}
GRIDS = (
    "Asterix-MinAtar",
    "Breakout-MinAtar",
    "Freeway-MinAtar",
    "Seaquest-MinAtar",
    "SpaceInvaders-MinAtar",
    "Pong-misc",
)
"""Their observation is a picture, of ones and zeros [H, W, C]."""
ROBOTS = {
    "PointRobot-misc": sketches.point_robot,
    "Reacher-misc": sketches.reacher,
    "Swimmer-misc": sketches.swimmer,
}
OTHERS = (
    "Catch-bsuite",
    "DeepSea-bsuite",
    "MemoryChain-bsuite",
    "UmbrellaChain-bsuite",
    "DiscountingChain-bsuite",
    "SimpleBandit-bsuite",
    "FourRooms-misc",
    "MetaMaze-misc",
    "BernoulliBandit-misc",
    "GaussianBandit-misc",
    "FrozenLake-misc",
)
LEFT_OUT = ("MNISTBandit-bsuite",)
BEYOND_BOUNDS = ("MemoryChain-bsuite", "MetaMaze-misc", "GaussianBandit-misc")
"""Their observations leave the bounds that gymnax declares; here they have none."""


def ids() -> tuple[str, ...]:
    """Names of the gymnax environments that jaxac can train on."""
    return (*CLASSIC, *GRIDS, *ROBOTS, *OTHERS)


def make(name: str, **options: Any) -> Env:
    """The gymnax environment `name` under jaxac's contract, made with gymnax's own `options`.

    Raises `RegistryError` for an unknown name, `EnvError` if gymnax is missing.
    """
    if name not in ids():
        raise RegistryError(f"gymnax has no environment {name!r}{closest(name, ids())}")
    with extras.deferred("seaborn"):
        suite = extras.load("gymnax", "gymnax")
    original, params = suite.make(name, **options)
    env = dataclasses.replace(adapt(original, params), name=name, render=_render(original, name))
    if name in BEYOND_BOUNDS:
        space = env.observation_space
        assert isinstance(space, Box)
        env = dataclasses.replace(env, observation_space=Box(space.shape, dtype=space.dtype))
    return env


def adapt(env: Any, params: Any) -> Env:
    """Any `gymnax.Environment` object with its params, one of your own too.

    Discrete observations (FrozenLake) become one-hot vectors.
    """

    seen = _space(env.observation_space(params), env.name)

    def encode(obs):
        return jax.nn.one_hot(obs, seen.n) if isinstance(seen, Discrete) else obs

    def reset(key, params):
        obs, state = env.reset_env(key, params)
        return jax.tree.map(strong, (state, encode(obs)))

    def step(key, state, action, params):
        obs, state, reward, terminated, _ = env.step_env(key, state, action, params)
        reward = jnp.asarray(reward, jnp.float32)  # some of gymnax's are integers
        state, obs = jax.tree.map(strong, (state, encode(obs)))
        return state, TimeStep(obs, reward, terminated, jnp.zeros((), bool))

    def time_limit(params):
        return params.max_steps_in_episode

    if isinstance(seen, Discrete):
        observation_space = Box((seen.n,), 0.0, 1.0)
    else:
        _, obs = jax.eval_shape(reset, jax.random.key(0), params)  # the declared dtype may be wrong
        observation_space = dataclasses.replace(seen, dtype=obs.dtype.name)
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


def _render(env: Any, name: str) -> Callable[[Any, Any], np.ndarray] | None:
    """How to draw a state, where its numbers stand for something that can be seen."""
    if name in GRIDS:
        return functools.partial(_grid, jax.jit(env.observe))
    match name:
        case "FourRooms-misc" | "MetaMaze-misc":
            return functools.partial(sketches.maze, np.asarray(env.occupied_map))
        case "Catch-bsuite":
            return functools.partial(sketches.catch, (env.rows, env.columns))
        case "DeepSea-bsuite":
            return functools.partial(sketches.deep_sea, env.size)
        case "FrozenLake-misc":
            return functools.partial(sketches.frozen_lake, np.asarray(env.desc))
    return {**CLASSIC, **ROBOTS}.get(name)


def _grid(observe: Callable[..., Any], state: Any, params: Any) -> np.ndarray:
    return cells_picture(np.asarray(observe(jax.random.key(0), state, None, params)))
