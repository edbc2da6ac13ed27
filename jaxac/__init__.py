"""jaxac: reinforcement-learning sweeps in JAX, a thousand configurations in one process.

The names below load on first use, so that `import jaxac` itself needs no jax.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxac.config import configure as configure
    from jaxac.envs.check import check_env as check_env
    from jaxac.errors import JaxacError as JaxacError
    from jaxac.registry import make_algorithm as make_algorithm
    from jaxac.registry import make_env as make_env
    from jaxac.report.policy import load_policy as load_policy
    from jaxac.report.results import load as load
    from jaxac.report.video import video as video
    from jaxac.sweep.run import resume as resume
    from jaxac.sweep.run import run as run
    from jaxac.sweep.spec import Sweep as Sweep

__version__ = "0.1.0"

_HOMES = {
    "JaxacError": "errors",
    "Sweep": "sweep.spec",
    "check_env": "envs.check",
    "configure": "config",
    "load": "report.results",
    "load_policy": "report.policy",
    "make_algorithm": "registry",
    "make_env": "registry",
    "resume": "sweep.run",
    "run": "sweep.run",
    "video": "report.video",
}
__all__ = sorted(_HOMES)  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'jaxac' has no attribute {name!r}")
    return getattr(importlib.import_module(f"jaxac.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
