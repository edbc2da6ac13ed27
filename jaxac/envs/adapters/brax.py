"""Brax (0.14): its own locomotion and manipulation tasks, on each of its four backends.

`brax/ant` runs on Brax's default, `generalized`; `brax/ant-spring`, `-positional` and `-mjx` name
another one. Backends differ in time steps and gears, so returns compare within one only. The
environment is wrapped before any of Brax's training wrappers: fresh random resets, true last
observations. Swimmer is left out because it calls jax in a way that jax 0.10 dropped.
"""

from typing import Any

import jax.numpy as jnp

from jaxac.envs.adapters import extras, robots
from jaxac.envs.contract import Box, Env
from jaxac.envs.physics import Physics
from jaxac.envs.picture import mujoco_picture
from jaxac.errors import RegistryError, closest

DEFAULT = "generalized"
BACKENDS = (DEFAULT, "spring", "positional", "mjx")
TASKS = (
    "ant",
    "halfcheetah",
    "hopper",
    "humanoid",
    "humanoidstandup",
    "inverted_double_pendulum",
    "inverted_pendulum",
    "pusher",
    "reacher",
    "walker2d",
)
LEFT_OUT = ("fast", "swimmer")  # Brax's own test double, and see above
EPISODE_LENGTH = 1000  # what Brax's own training wraps around every task


def ids() -> tuple[str, ...]:
    """Every task on its default backend, then each on the others."""
    return TASKS + tuple(f"{task}-{b}" for task in TASKS for b in BACKENDS if b != DEFAULT)


def make(name: str) -> Env:
    """The Brax task `name`, with gravity, masses, friction and actuator gain as params.

    Raises `RegistryError` for an unknown name, `EnvError` if Brax is missing.
    """
    if name not in ids():
        raise RegistryError(f"brax has no environment {name!r}{closest(name, ids())}")
    envs = extras.load("brax", "brax.envs")
    task, _, backend = name.partition("-")
    return adapt(envs.get_environment(task, backend=backend or DEFAULT), name)


def adapt(env: Any, name: str) -> Env:
    """Any `brax.envs.PipelineEnv` object, one of your own too, under jaxac's contract."""
    system = env.sys
    params = Physics(gravity=round(float(system.gravity[2]), 5), max_steps=EPISODE_LENGTH)
    actions = Box((env.action_size,), -1.0, 1.0)  # Brax scales them to each actuator's range

    def render(state, params):
        del params
        return mujoco_picture(system.mj_model, state.pipeline_state.q, state.pipeline_state.qd)

    return robots.adapt(name, env, "sys", with_physics, params, actions, render)


def with_physics(system: Any, physics: Physics) -> Any:
    """A `brax.System` under other constants, for every backend.

    `spring` and `positional` give each link a mass of its own making where the model file sets
    `spring_mass_scale` to 1; there the factor of masses has no effect.
    """
    actuator, link = system.actuator, system.link
    gravity = jnp.asarray(system.gravity).at[2].set(physics.gravity)
    return system.tree_replace(
        {
            "gravity": gravity,
            "opt.gravity": gravity,
            "link.inertia.mass": link.inertia.mass * physics.mass,
            "link.inertia.i": link.inertia.i * physics.mass,
            "body_mass": system.body_mass * physics.mass,
            "body_inertia": system.body_inertia * physics.mass,
            "geom_friction": system.geom_friction * physics.friction,
            "actuator.gain": actuator.gain * physics.gain,
            "actuator.bias_q": actuator.bias_q * physics.gain,
            "actuator.bias_qd": actuator.bias_qd * physics.gain,
            "actuator_gainprm": system.actuator_gainprm * physics.gain,
            "actuator_biasprm": system.actuator_biasprm * physics.gain,
        }
    )
