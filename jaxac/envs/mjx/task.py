"""What a task of Gymnasium's MuJoCo suite is made of; `dt` is the time of a step in seconds."""

import dataclasses
import importlib.resources
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Key
from jaxac.envs.adapters import extras
from jaxac.envs.contract import Env
from jaxac.envs.mjx import robot, simulation
from jaxac.envs.mjx.robot import Observe, Reward, Robot, Start, Test, jitter, never, uniform

ANY = "[-inf, inf]"
POSITIVE = "[0, inf)"


@dataclasses.dataclass(frozen=True)
class Task:
    """The facts of one task."""

    file: str  # in gymnasium's assets
    frame_skip: int
    params: Robot
    reward: Callable[[float], Reward]  # of dt
    observe: Observe
    terminated: Test = never
    start: Start = jitter
    finish: Callable[[Any, Any], Any] = robot.unchanged
    max_contacts: int | None = None


def make(name: str, task: Task) -> Env:
    """The environment of a task.

    Raises `EnvError` if mujoco, mujoco-mjx or gymnasium is missing or of another version.
    """
    gym = extras.load("mjx", "gymnasium")
    assets = importlib.resources.files(gym).joinpath("envs/mujoco/assets")
    with importlib.resources.as_file(assets.joinpath(task.file)) as path:
        model = simulation.load(path, max_contacts=task.max_contacts)
    dt = float(model.opt.timestep) * task.frame_skip
    return robot.environment(
        name,
        model,
        task.reward(dt),
        terminated=task.terminated,
        observe=task.observe,
        params=task.params,
        start=task.start,
        frame_skip=task.frame_skip,
        finish=task.finish,
    )


def seen(skipped: int, speed: float = math.inf) -> Observe:
    """Positions but the first few, and velocities clipped to [-speed, speed]."""

    def observe(data, p):
        del p
        return jnp.concatenate([data.qpos[skipped:], jnp.clip(data.qvel, -speed, speed)])

    return observe


def gaussian(key: Key, qpos: Any, qvel: Any, p: Robot) -> tuple[Any, Any]:
    """Uniform noise on positions, Gaussian noise on velocities."""
    key_pos, key_vel = jax.random.split(key)
    noise = p.reset_noise_scale * jax.random.normal(key_vel, qvel.shape)
    return uniform(key_pos, qpos, p.reset_noise_scale), qvel + noise


def inside(low: Any, x: Any, high: Any) -> Any:
    """Whether every element of `x` lies between the bounds, which do not count themselves."""
    return ((low < x) & (x < high)).all()


def contact_forces(model: Any, data: Any) -> Any:
    """Work out the contact force on each body, `cfrc_ext`, which a step of MJX leaves out."""
    return extras.load("mjx", "mujoco.mjx").rne_postconstraint(model, data)
