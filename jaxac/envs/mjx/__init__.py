"""MuJoCo models on MJX: Gymnasium's v5 tasks, and any MJCF file with a reward of your own.

`ids` and `make` are the suite `mjx/...`. Model files, rewards, observations, noise and ends of
episodes are those of the installed gymnasium; its numbers are traced params, a range as `..._min`
and `..._max`. MJX computes in float32, and solves constraints by Newton's method where the
humanoids' files ask for one that it lacks (PGS).
"""

from jaxac.envs.contract import Env
from jaxac.envs.mjx import control, locomotion, task
from jaxac.envs.mjx.robot import Robot as Robot
from jaxac.envs.mjx.robot import from_mjcf as from_mjcf
from jaxac.errors import RegistryError, closest

TASKS = {**locomotion.TASKS, **control.TASKS}


def ids() -> tuple[str, ...]:
    """Names of the v5 tasks."""
    return tuple(sorted(TASKS))


def make(name: str) -> Env:
    """The task `name`.

    Raises `RegistryError` for an unknown name, `EnvError` if mujoco, mujoco-mjx or gymnasium is
    missing or of a version that was not tried.
    """
    if name not in TASKS:
        raise RegistryError(f"mjx has no environment {name!r}{closest(name, ids())}")
    return task.make(name, TASKS[name])
