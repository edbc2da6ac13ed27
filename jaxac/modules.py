"""`module:attribute`: what such a name stands for, and which modules data name in this way.

This module imports no jax, so that the command line can look up names quickly.
"""

import importlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from jaxac.errors import RegistryError
from jaxac.plain import shown

NAME = re.compile(r"([^\W\d]\w*(?:\.[^\W\d]\w*)*):([^\W\d]\w*)")


def attribute(name: str, what: str) -> Any:
    """What stands at `module:attribute`; the module is imported. `what` it should be is for errors.

    Raises `RegistryError` if the name is not of this form, or leads nowhere.
    """
    parts = NAME.fullmatch(name)
    if parts is None:
        raise RegistryError(f"{what} {shown(name)} is no name such as my_module:attribute")
    module, last = parts.groups()
    try:
        return getattr(importlib.import_module(module), last)
    except ImportError as error:
        raise RegistryError(f"{what} {name!r}: cannot import {module}: {error}") from error
    except AttributeError as error:
        raise RegistryError(f"{what} {name!r}: {module} has no {last!r}") from error


def load(names: Iterable[str]) -> None:
    """Import modules by name. Raises `RegistryError` if one cannot be."""
    for name in names:
        try:
            importlib.import_module(name)
        except (ImportError, TypeError, ValueError) as error:  # the latter two for "" and ".x"
            raise RegistryError(f"cannot import {shown(name)}: {error}") from error


def named(words: Any) -> set[str]:
    """The modules that plain data name anywhere as `module:attribute`, but jaxac's own."""
    found, waiting = set(), [words]
    while waiting:
        x = waiting.pop()
        if isinstance(x, Mapping):
            waiting += x.values()
        elif isinstance(x, list | tuple):
            waiting += x
        elif isinstance(x, str) and (parts := NAME.fullmatch(x)):
            found.add(parts.group(1))
    return {x for x in found if x.partition(".")[0] != "jaxac"}
