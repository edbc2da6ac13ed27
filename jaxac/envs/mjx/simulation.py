"""A MuJoCo model as pure functions on MJX: the first data of an episode, and what follows."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.envs.adapters import extras
from jaxac.envs.mjx import dynamics
from jaxac.envs.physics import Physics, with_physics
from jaxac.errors import EnvError, closest

LINE_SEARCH = 4


@dataclasses.dataclass(frozen=True, eq=False)
class Simulation:
    """The functions of one model. `Data` between steps is `mjx.Data` without its `_impl`.

    `_impl` (contacts, rows of constraints, factors of the mass matrix) is worked out anew from
    positions and velocities, and is most of the memory.
    """

    model: Any  # mujoco.MjModel
    dt: float  # seconds of one step of the environment
    blank: Any  # whole mjx.Data, everything zero but positions
    first: Callable[[Physics, Any, Any], Any]
    """`first(physics, qpos, qvel) -> whole data`, before any force has acted."""
    advance: Callable[[Physics, Any, Any], Any]
    """`advance(physics, data, ctrl) -> whole data` one step later."""


def kept(data: Any) -> Any:
    """What is kept of whole data between steps."""
    return data.replace(_impl=None)


def load(
    source: str | os.PathLike, line_search: int = LINE_SEARCH, max_contacts: int | None = None
) -> Any:
    """A `mujoco.MjModel` of an MJCF file, or of MJCF text, with solver settings for MJX.

    The solver is Newton's, whatever the file says, and mass matrices are sparse, for which MJX
    calls no LAPACK; see `simulation`. `line_search` trials are made in every iteration of the
    solver; MJX makes them all for every environment, so MuJoCo's own 50 cost four times the time.
    `max_contacts` keeps the deepest contacts of each kind, where a model has many that could be.
    Raises `EnvError` with MuJoCo's reason if the model does not compile.
    """
    mujoco, _ = extras.load("mjx", "mujoco", "mujoco.mjx")
    text = str(source)
    name = "the MJCF text" if _is_text(source) else text
    try:
        if _is_text(source):
            spec = mujoco.MjSpec.from_string(text)
        elif Path(source).is_file():
            spec = mujoco.MjSpec.from_file(text)
        else:
            raise EnvError(f"there is no MJCF file {name}; give a path, or the XML as text")
        if max_contacts is not None:
            spec.add_numeric(name="max_contact_points", size=1, data=[max_contacts])
        model = spec.compile()
    except ValueError as error:
        raise EnvError(f"MuJoCo cannot compile {name}: {error}") from error
    if not model.nu:
        raise EnvError(f"{name} has no <actuator>, so there is nothing that an action could do")
    model.opt.solver = mujoco.mjtSolver.mjSOL_NEWTON
    model.opt.jacobian = mujoco.mjtJacobian.mjJAC_SPARSE
    model.opt.ls_iterations = line_search
    return model


def simulation(model: Any, frame_skip: int, finish: Callable[[Any, Any], Any]) -> Simulation:
    """The functions of `model` (from `load`), `frame_skip` frames of the simulator a step.

    `finish(mjx_model, data)` runs once after the frames, for what a step of MJX leaves out, such as
    `mjx.rne_postconstraint`. A program must not hold two LAPACK calls that could run at once (see
    docs/install.md): Newton's, one after another, are the only ones here, and `first` needs none.
    Raises `EnvError` if MJX lacks something that the model uses.
    """
    mjx = extras.load("mjx", "mujoco.mjx")
    try:
        compiled = mjx.put_model(model)
        blank = mjx.make_data(model)
    except NotImplementedError as error:
        raise EnvError(f"MJX cannot simulate this model: {error}") from error

    def first(physics, qpos, qvel):
        data = blank.replace(qpos=qpos, qvel=qvel)
        # MJX normalises quaternions in place, MuJoCo does not
        return dynamics.unforced(mjx, with_physics(compiled, physics), data).replace(qpos=qpos)

    def advance(physics, data, ctrl):
        m = with_physics(compiled, physics)

        def frame(data, _):
            return dynamics.frame(mjx, m, data), None

        data = data.replace(ctrl=ctrl, _impl=blank._impl)
        data, _ = jax.lax.scan(frame, data, length=frame_skip)
        return finish(m, data)

    return Simulation(model, float(model.opt.timestep) * frame_skip, blank, first, advance)


def resting(model: Any, keyframe: str | None) -> tuple[Array, Array]:
    """Positions [nq] and velocities [nv] of a keyframe, or those that the file starts from.

    Raises `EnvError` for an unknown keyframe, with the closest ones.
    """
    if keyframe is None:
        return jnp.asarray(model.qpos0, jnp.float32), jnp.zeros(model.nv)
    names = [model.key(i).name for i in range(model.nkey)]
    if keyframe not in names:
        raise EnvError(f"the model has no keyframe {keyframe!r}{closest(keyframe, names)}")
    key = model.key(keyframe)
    return jnp.asarray(key.qpos, jnp.float32), jnp.asarray(key.qvel, jnp.float32)


def _is_text(source: str | os.PathLike) -> bool:
    return isinstance(source, str) and source.lstrip().startswith("<")
