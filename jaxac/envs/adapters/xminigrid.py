"""XLand-MiniGrid (xminigrid 0.9): its ports of MiniGrid tasks, seen through the agent's eyes.

The environments are un-reset; a goal is told apart from the time limit by the discount. The limit
is traced, and with it the reward for a goal, 1 - 0.9 * steps / limit. To the suite's view of tiles
and colours a third layer adds the agent's direction, as the suite's own baselines do by a wrapper.
Playground, without a goal, is left out, and so are the XLand ids, whose rulesets are downloaded
apart: `adapt` takes one with a ruleset of yours, which is traced.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxac.core import Int, field, frozen
from jaxac.envs.adapters import extras
from jaxac.envs.contract import Box, Discrete, Env, TimeStep
from jaxac.envs.resets import WhenNeeded
from jaxac.errors import RegistryError, closest

IDS = tuple(
    f"MiniGrid-{task}"
    for task in (
        *("BlockedUnlockPickUp", "DoorKey-5x5", "DoorKey-6x6", "DoorKey-8x8", "DoorKey-16x16"),
        *("Empty-5x5", "Empty-6x6", "Empty-8x8", "Empty-16x16"),
        *("EmptyRandom-5x5", "EmptyRandom-6x6", "EmptyRandom-8x8", "EmptyRandom-16x16"),
        *("FourRooms", "LockedRoom", "Unlock", "UnlockPickUp"),
        *("MemoryS8", "MemoryS16", "MemoryS32", "MemoryS64", "MemoryS128"),
    )
)
XLAND = tuple(
    f"XLand-MiniGrid-{layout}"
    for layout in (
        *("R1-9x9", "R1-11x11", "R1-13x13", "R1-15x15", "R1-17x17"),
        *("R2-9x9", "R2-11x11", "R2-13x13", "R2-15x15", "R2-17x17"),
        *("R4-9x9", "R4-11x11", "R4-13x13", "R4-15x15", "R4-17x17"),
        *("R6-13x13", "R6-17x17", "R6-19x19", "R9-16x16", "R9-19x19", "R9-25x25"),
    )
)
LEFT_OUT = ("MiniGrid-Playground", *XLAND)
LIMIT = field(243, "steps after which an episode is truncated; scales rewards", within="[1, inf)")


@frozen
class GridParams:
    """Traced params of a MiniGrid task."""

    max_steps: Int | int = LIMIT


@frozen
class XLandParams:
    """Traced params of an XLand task; its ruleset as xminigrid encodes it."""

    goal: Any
    rules: Any
    tiles: Any
    max_steps: Int | int = LIMIT


def ids() -> tuple[str, ...]:
    """Names of the MiniGrid tasks that have a goal."""
    return IDS


def make(name: str) -> Env:
    """The task `name`: obs uint8 [view, view, 3] of tile, colour and the agent's direction.

    Raises `RegistryError` for an unknown name, `EnvError` if xminigrid is missing.
    """
    if name not in ids():
        raise RegistryError(f"xminigrid has no environment {name!r}{closest(name, ids())}")
    env, env_params = extras.load("xminigrid", "xminigrid").make(name)
    return adapt(env, env_params, name)


def adapt(env: Any, env_params: Any, name: str) -> Env:
    """Any un-reset `xminigrid` environment with its params, an XLand one with a ruleset too."""
    constants, types = extras.load("xminigrid", "xminigrid.core.constants", "xminigrid.types")

    ruleset = getattr(env_params, "ruleset", None)  # XLand's alone have one

    def under(params):
        own = env_params.replace(max_steps=params.max_steps)
        if ruleset is None:
            return own
        changed = {"goal": params.goal, "rules": params.rules, "init_tiles": params.tiles}
        return own.replace(ruleset=ruleset.replace(**changed))

    def at(state):
        return types.TimeStep(state, None, None, None, None)

    def observe(timestep):
        image = timestep.observation
        direction = jnp.full_like(image[..., :1], timestep.state.agent.direction)
        return jnp.concatenate([image, direction], -1)

    def reset(key, params):
        timestep = env.reset(under(params), key)
        return timestep.state, observe(timestep)

    def step(key, state, action, params):
        del key  # the tasks are deterministic after reset
        after = env.step(under(params), at(state), action)
        terminated, reward = after.discount == 0.0, jnp.asarray(after.reward, jnp.float32)
        return after.state, TimeStep(observe(after), reward, terminated, jnp.zeros((), bool))

    def render(state, params):
        del params
        return np.asarray(env.render(env_params, at(state)))

    view, largest = env_params.view_size, max(constants.NUM_TILES, constants.NUM_COLORS) - 1
    params = GridParams(env_params.max_steps)
    if ruleset is not None:
        params = XLandParams(ruleset.goal, ruleset.rules, ruleset.init_tiles, env_params.max_steps)
    return Env(
        name,
        reset,
        step,
        params,
        Box((view, view, constants.NUM_LAYERS + 1), 0.0, float(largest), "uint8"),
        Discrete(env.num_actions(env_params)),
        lambda params: params.max_steps,
        resets=WhenNeeded(),
        render=render,
    )
