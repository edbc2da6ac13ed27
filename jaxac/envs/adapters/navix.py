"""navix (0.7): MiniGrid in JAX, seen whole as a symbolic grid.

navix's `step` resets itself, so the un-reset `_step` is wrapped; it calls the time limit a
truncation and all else a termination. The limit is 100 steps, what `navix.make` gives a task of
any size, and is traced. The sprites that navix keeps in every state, 3 KB a cell, are made again by
`render` instead. The KeyCorridor tasks are left out: in navix 0.7.4 nothing that an agent can do
ends or rewards them.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import Int, Scalar, field, frozen
from jaxac.envs.adapters import extras
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.resets import WhenNeeded
from jaxac.errors import RegistryError, closest

IDS = tuple(
    f"Navix-{task}-v0"
    for task in (
        *("Empty-5x5", "Empty-6x6", "Empty-8x8", "Empty-16x16"),
        *("Empty-Random-5x5", "Empty-Random-6x6", "Empty-Random-8x8", "Empty-Random-16x16"),
        *("DoorKey-5x5", "DoorKey-6x6", "DoorKey-8x8", "DoorKey-16x16"),
        *("DoorKey-Random-5x5", "DoorKey-Random-6x6", "DoorKey-Random-8x8"),
        *("DoorKey-Random-16x16", "FourRooms"),
        *("LavaGapS5", "LavaGapS6", "LavaGapS7"),
        *("SimpleCrossingS9N1", "SimpleCrossingS9N2", "SimpleCrossingS9N3"),
        *("SimpleCrossingS11N5", "DistShift1", "DistShift2"),
        *("Dynamic-Obstacles-5x5", "Dynamic-Obstacles-5x5-Random", "Dynamic-Obstacles-6x6"),
        *("Dynamic-Obstacles-6x6-Random", "Dynamic-Obstacles-8x8", "Dynamic-Obstacles-16x16"),
        *("GoToDoor-5x5", "GoToDoor-6x6", "GoToDoor-8x8"),
    )
)
LEFT_OUT = tuple(
    f"Navix-KeyCorridor{task}-v0" for task in ("S3R1", "S3R2", "S3R3", "S4R3", "S5R3", "S6R3")
)
SYMBOLS = 10.0  # the largest: the player's tag


@frozen
class NavixParams:
    """Traced params of every navix task."""

    penalty: Scalar = field(
        0.0, "taken off the last reward: penalty * steps / max_steps", within="[0, inf)"
    )
    max_steps: Int | int = field(
        100, "steps after which an episode is truncated", within="[1, inf)"
    )


def ids() -> tuple[str, ...]:
    """Names of the navix tasks that can be solved."""
    return IDS


def make(name: str) -> Env:
    """The navix task `name`: obs uint8 [height, width, 3] of tag, colour and state of each cell.

    Raises `RegistryError` for an unknown name, `EnvError` if navix is missing.
    """
    if name not in ids():
        raise RegistryError(f"navix has no environment {name!r}{closest(name, ids())}")
    return adapt(extras.load("navix", "navix").make(name), name)


def adapt(env: Any, name: str) -> Env:
    """Any `navix.Environment` object, one of your own too, under jaxac's contract.

    Its observation function must be one of symbols: those of pictures read the state's sprites.
    """
    observations, cache = extras.load("navix", "navix.observations", "navix.rendering.cache")

    def lean(timestep):
        state = timestep.state.replace(cache=None)
        return timestep.replace(state=state, observation=None, info={}), timestep.observation

    def reset(key, params):
        del params
        return lean(env.reset(key))

    def step(key, state, action, params):
        del key  # the state has one of its own
        own = env.replace(max_steps=params.max_steps, penality_coeff=params.penalty)
        after = own._step(state, action)
        terminated, truncated = after.is_termination(), jnp.zeros((), bool)
        reward = jnp.asarray(after.reward, jnp.float32)
        state, obs = lean(after)
        return state, TimeStep(obs, reward, terminated, truncated)

    def render(state, params):
        del params
        grid = state.state.grid
        sprites = cache.RenderingCache.init(grid)
        return np.asarray(observations.rgb(state.state.replace(cache=sprites)))

    obs = jax.eval_shape(env.reset, jax.random.key(0)).observation
    return Env(
        name,
        reset,
        step,
        NavixParams(max_steps=env.max_steps),
        Box(obs.shape, 0.0, SYMBOLS, obs.dtype.name),
        Discrete(len(env.action_set)),
        lambda params: params.max_steps,
        resets=WhenNeeded(),
        render=render,
    )
