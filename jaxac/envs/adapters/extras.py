"""Optional packages: which versions were tried, and what to say when one is missing."""

import contextlib
import ctypes.util
import importlib
import importlib.metadata
import os
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

from packaging.requirements import Requirement

from jaxac.errors import EnvError

EXTRAS = {
    "gymnax": ("gymnax>=1.0,<1.1", "six>=1.16"),
    "brax": ("brax>=0.14.2,<0.15",),
    "mjx": ("mujoco>=4.0,<4.1", "mujoco-mjx>=3.17,<4", "gymnasium>=1.1,<2"),
    "playground": ("playground>=0.2.0,<0.3", "mujoco>=4.0,<4.1", "mujoco-mjx>=3.17,<4"),
    "navix": ("navix>=0.7.4,<0.8",),
    "jumanji": ("jumanji>=1.1.2,<1.2",),
    "craftax": ("craftax>=1.6.1,<1.7",),
    "xminigrid": ("xminigrid>=0.9.3,<0.10",),
    "pgx": ("pgx>=2.6,<2.7",),
    "jaxmarl": ("jaxmarl>=0.2.0,<0.3",),
}
"""Requirements of each suite, as in pyproject.toml (gymnax is a plain dependency)."""


def load(suite: str, *modules: str) -> Any:
    """Import `modules` of a suite and return them (one alone, not in a tuple).

    Raises `EnvError` with the exact command if a package is missing, and with the versions that
    work if another one is installed.
    """
    command = f"python -m pip install {' '.join(repr(x) for x in EXTRAS[suite])}"
    for requirement in map(Requirement, EXTRAS[suite]):
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError as error:
            raise EnvError(
                f"the {suite} environments need {requirement.name}, which is not installed; "
                f"{command}"
            ) from error
        if not requirement.specifier.contains(found, prereleases=True):
            raise EnvError(
                f"the {suite} environments work with {requirement}, but {found} is installed; "
                f"{command}"
            )
    _draw_without_display()
    try:
        loaded = [importlib.import_module(name) for name in modules]
    except ImportError as error:
        raise EnvError(
            f"{suite} is installed but cannot be imported ({error}); {command}"
        ) from error
    if "mujoco" in sys.modules:  # it would write a log file where the user stands
        sys.modules["mujoco"].set_mju_user_warning(_warn)
    return loaded[0] if len(modules) == 1 else loaded


@contextlib.contextmanager
def deferred(name: str) -> Iterator[None]:
    """Whatever is imported meanwhile gets a stand-in for a module, which loads it when it is used.

    For what a suite imports as it starts but needs only to draw.
    """
    if name in sys.modules:
        yield
        return
    sys.modules[name] = _Deferred(name)
    try:
        yield
    finally:
        if isinstance(sys.modules.get(name), _Deferred):
            del sys.modules[name]


class _Deferred(types.ModuleType):
    def __getattr__(self, attribute: str) -> Any:
        if isinstance(sys.modules.get(self.__name__), _Deferred):
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), attribute)


def _draw_without_display() -> None:
    """Let MuJoCo draw on a machine without a screen; it reads this once, as it is imported."""
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform == "linux" and not screen and ctypes.util.find_library("EGL"):
        os.environ.setdefault("MUJOCO_GL", "egl")


def _warn(text: str) -> None:
    warnings.warn(f"MuJoCo: {text}", stacklevel=2)
