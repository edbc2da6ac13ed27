"""Environments from MJCF files: a robot, a reward, and what ends an episode."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import Key, Scalar, field, frozen
from jaxac.envs.contract import Box, Env, Observations, TimeStep
from jaxac.envs.mjx import simulation
from jaxac.envs.physics import Physics, physics_of, time_limit
from jaxac.envs.picture import mujoco_picture
from jaxac.envs.resets import BY_PLATFORM, Resets
from jaxac.errors import EnvError


@frozen
class Robot(Physics):
    """Traced params of a robot; a `@frozen` class that derives from it adds a task's own."""

    reset_noise_scale: Scalar = field(
        0.01, "spread of first positions and velocities", within="[0, inf)"
    )


class Reward(Protocol):
    """A number for what `action` did between two data."""

    def __call__(self, before: Any, data: Any, action: Any, params: Any, /) -> Any:
        """`before` has all of `mjx.Data` but `_impl`; `data` is whole."""
        ...


Observe = Callable[[Any, Any], Any]
"""`observe(data, params)`: an array, or a dict of them."""
Test = Callable[[Any, Any], Any]
"""`test(data, params) -> bool`."""
Start = Callable[[Key, Any, Any, Any], tuple[Any, Any]]
"""`start(key, qpos, qvel, params) -> qpos, qvel`: a first state, from the model's resting one."""


def jitter(key: Key, qpos: Any, qvel: Any, params: Any) -> tuple[Any, Any]:
    """The resting state with uniform noise in [-reset_noise_scale, reset_noise_scale]."""
    key_pos, key_vel = jax.random.split(key)
    scale = params.reset_noise_scale
    return uniform(key_pos, qpos, scale), uniform(key_vel, qvel, scale)


def uniform(key: Key, x: Any, scale: Scalar) -> Any:
    """`x` with uniform noise in [-scale, scale]."""
    return x + scale * jax.random.uniform(key, x.shape, minval=-1.0)


def everything(data: Any, params: Any) -> Any:
    """Positions and velocities [nq + nv]."""
    del params
    return jnp.concatenate([data.qpos, data.qvel])


def never(data: Any, params: Any) -> Any:
    """No state ends the task."""
    del data, params
    return jnp.zeros((), bool)


def unchanged(model: Any, data: Any) -> Any:
    """Nothing more to work out after a step."""
    del model
    return data


def from_mjcf(
    source: str | os.PathLike,
    reward: Reward,
    *,
    terminated: Test = never,
    observe: Observe = everything,
    params: Callable[..., Any] = Robot,
    start: Start = jitter,
    keyframe: str | None = None,
    name: str | None = None,
    frame_skip: int = 1,
    max_steps: int = 1000,
    reset_noise: float = 0.01,
    line_search: int = simulation.LINE_SEARCH,
    finish: Callable[[Any, Any], Any] = unchanged,
    resets: Resets = BY_PLATFORM,
) -> Env:
    """An environment from an MJCF file (or MJCF text) and a pure reward function.

    Actions are the actuators' controls, in their ranges. `reward(before, data, action, params)`,
    `terminated(data, params)` and `observe(data, params)` read `mjx.Data`; `observe` gives an
    array, or a dict with `policy` and perhaps `critic`. `params` is a class derived from `Robot`,
    called with `gravity` of the file, `max_steps` and `reset_noise_scale=reset_noise`; all its
    numbers are traced. `finish(mjx_model, data)` runs after the `frame_skip` frames of a step
    (`mjx.rne_postconstraint` for `cfrc_ext`). Solver settings are those of `simulation.load`.

    In the first data of an episode no force has acted: contact forces, accelerations and what
    sensors read of them are zero. A simulation that diverges ends its episode with reward 0.
    Raises `EnvError` for a file that is missing, that MuJoCo cannot compile or MJX cannot simulate,
    and for a reward that is not one number.
    """
    model = simulation.load(source, line_search)
    plain = physics_of(model, max_steps)
    shown = Path(source).stem if Path(str(source)).suffix == ".xml" else "robot"
    return environment(
        name or shown,
        model,
        reward,
        terminated=terminated,
        observe=observe,
        params=params(
            gravity=plain.gravity, max_steps=plain.max_steps, reset_noise_scale=reset_noise
        ),
        start=start,
        keyframe=keyframe,
        frame_skip=frame_skip,
        finish=finish,
        resets=resets,
    )


def environment(
    name: str,
    model: Any,
    reward: Reward,
    *,
    terminated: Test,
    observe: Observe,
    params: Any,
    start: Start,
    frame_skip: int,
    finish: Callable[[Any, Any], Any],
    keyframe: str | None = None,
    resets: Resets = BY_PLATFORM,
) -> Env:
    """The environment of a model from `simulation.load`; see `from_mjcf`."""
    sim = simulation.simulation(model, frame_skip, finish)
    resting = simulation.resting(model, keyframe)

    def seen(data, params):
        obs = observe(data, params)
        return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), obs)

    def reset(key, params):
        data = sim.first(params, *start(key, *resting, params))
        return simulation.kept(data), seen(data, params)

    def step(key, state, action, params):
        del key
        data = sim.advance(params, state, action)
        obs = seen(data, params)
        gained = jnp.asarray(reward(state, data, action, params), jnp.float32)
        finite = jnp.stack([jnp.isfinite(x).all() for x in jax.tree.leaves((obs, gained))]).all()
        obs = jax.tree.map(jnp.nan_to_num, obs)
        gained = jnp.where(finite, gained, 0.0)
        ended = terminated(data, params) | ~finite
        return simulation.kept(data), TimeStep(obs, gained, ended, jnp.zeros((), bool))

    def render(state, params):
        del params
        return mujoco_picture(model, state.qpos, state.qvel, state.mocap_pos, state.mocap_quat)

    state = simulation.kept(sim.blank)
    action = jnp.zeros(model.nu)
    _check_number(reward, "reward", state, sim.blank, action, params)
    _check_number(terminated, "terminated", sim.blank, params)
    space = _space(jax.eval_shape(seen, sim.blank, params))
    return Env(
        name, reset, step, params, space, _controls(model), time_limit, resets, render=render
    )


def _check_number(function: Callable, name: str, *args: Any) -> None:
    shape = jax.eval_shape(lambda *args: jnp.asarray(function(*args)), *args).shape
    if shape:
        raise EnvError(f"{name} must be one number, but its shape is {shape}")


def _space(obs: Any) -> Observations:
    if isinstance(obs, dict):
        return {key: Box(x.shape) for key, x in obs.items()}
    return Box(obs.shape)


def _controls(model: Any) -> Box:
    limited = model.actuator_ctrllimited.astype(bool)
    low = np.where(limited, model.actuator_ctrlrange[:, 0], -np.inf)
    high = np.where(limited, model.actuator_ctrlrange[:, 1], np.inf)
    return Box((model.nu,), _bound(low), _bound(high))


def _bound(x: np.ndarray) -> float | tuple[float, ...]:
    return float(x[0]) if (x == x[0]).all() else tuple(x.tolist())
