"""Calling the code of an environment: what it raises becomes a `Failure`, prints are kept."""

import contextlib
import dataclasses
import importlib
import io
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import jax

T = TypeVar("T")
PACKAGE = Path(__file__).parents[2]
NOT_THEIRS = (
    str(Path(jax.__file__).parent),
    str(Path(__file__).parent),
    str(PACKAGE / "cli"),
    str(PACKAGE / "registry.py"),
    str(Path(importlib.__file__).parent),
    "<",
)


@dataclasses.dataclass(frozen=True)
class Failure:
    """An exception raised by the code under test."""

    error: BaseException

    def __str__(self) -> str:
        lines = [x.strip() for x in str(self.error).splitlines() if x.strip()]
        first = lines[0] if lines else "no message"
        if first.endswith(":") and len(lines) > 1:
            first = f"{first} {lines[1]}"
        return f"{type(self.error).__name__}: {first}{self._place()}"

    def _place(self) -> str:
        frames = traceback.extract_tb(self.error.__traceback__)
        theirs = [f for f in frames if not f.filename.startswith(NOT_THEIRS)]
        return f" ({Path(theirs[-1].filename).name}, line {theirs[-1].lineno})" if theirs else ""


def attempt(fn: Callable[..., T], *args: Any) -> T | Failure:
    """`fn(*args)`, or the failure it ended in."""
    try:
        return fn(*args)
    except (Exception, SystemExit) as error:
        return Failure(error)


@contextlib.contextmanager
def listening() -> Iterator[tuple[io.StringIO, list[warnings.WarningMessage]]]:
    """Keep what is printed and warned of, instead of showing it."""
    printed = io.StringIO()
    with (
        contextlib.redirect_stdout(printed),
        warnings.catch_warnings(record=True) as warned,
    ):
        warnings.simplefilter("always")
        yield printed, warned
