"""MuJoCo Playground (0.2): the dm_control suite on MJX, in JAX alone.

The un-reset tasks are wrapped, with `impl="jax"`; Playground's own default needs an NVIDIA GPU.
Its time limit is 1,000 control steps for all. The action repeat of 4 that its settings mean for
`PendulumSwingup` is mistyped there and never applied, so it is not here either; `ActionRepeat(4)`
asks for it. The locomotion and manipulation tasks download robot models and are left out.
"""

import math
from typing import Any

import numpy as np

from jaxac.envs.adapters import extras, robots
from jaxac.envs.contract import Box, Env
from jaxac.envs.physics import physics_of, with_physics
from jaxac.envs.picture import mujoco_picture
from jaxac.errors import RegistryError, closest

TASKS = (
    "AcrobotSwingup",
    "AcrobotSwingupSparse",
    "BallInCup",
    "CartpoleBalance",
    "CartpoleBalanceSparse",
    "CartpoleSwingup",
    "CartpoleSwingupSparse",
    "CheetahRun",
    "FingerSpin",
    "FingerTurnEasy",
    "FingerTurnHard",
    "FishSwim",
    "HopperHop",
    "HopperStand",
    "HumanoidRun",
    "HumanoidStand",
    "HumanoidWalk",
    "PendulumSwingup",
    "PointMass",
    "ReacherEasy",
    "ReacherHard",
    "SwimmerSwimmer6",
    "WalkerRun",
    "WalkerStand",
    "WalkerWalk",
)


def ids() -> tuple[str, ...]:
    """The 25 dm_control tasks."""
    return TASKS


def make(name: str) -> Env:
    """The Playground task `name`, with gravity, masses, friction and actuator gain as params.

    Raises `RegistryError` for an unknown name, `EnvError` if Playground is missing.
    """
    if name not in TASKS:
        raise RegistryError(f"playground has no environment {name!r}{closest(name, TASKS)}")
    suite = extras.load("playground", "mujoco_playground._src.dm_control_suite")
    config = suite.get_default_config(name)
    config.impl = "jax"
    return adapt(suite.load(name, config=config), name, config.episode_length)


def adapt(env: Any, name: str, episode_length: int) -> Env:
    """Any `MjxEnv` object of Playground (with `impl="jax"`), one of your own too."""
    model = env.mj_model
    limited = model.actuator_ctrllimited.astype(bool)
    low, high = (
        tuple(np.where(limited, bound, infinite).tolist())
        for bound, infinite in zip(model.actuator_ctrlrange.T, (-math.inf, math.inf), strict=True)
    )

    def render(state, params):
        del params
        data = state.data
        return mujoco_picture(model, data.qpos, data.qvel, data.mocap_pos, data.mocap_quat)

    return robots.adapt(
        name,
        env,
        "_mjx_model",
        with_physics,
        physics_of(model, episode_length),
        Box((model.nu,), low, high),
        render,
    )
