"""What a function could change in Python: its closure, its globals, the object it belongs to."""

import functools
import itertools
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from jax.core import Tracer

MAX_DEPTH, MAX_ITEMS = 4, 200
TRACED = "a traced value"
OPAQUE = (type, types.ModuleType, types.BuiltinFunctionType)


def snapshot(fn: Callable) -> dict[str, str]:
    """Every plain value within reach of `fn`, by how it is reached."""
    return dict(_values(fn, getattr(fn, "__name__", type(fn).__name__), MAX_DEPTH, set()))


def changed(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Names of values that differ between two snapshots."""
    return [name for name in after if name in before and before[name] != after[name]]


def _values(x: Any, name: str, depth: int, seen: set[int]) -> Iterator[tuple[str, str]]:
    if isinstance(x, bool | int | float | str | bytes | complex | np.generic | type(None)):
        yield name, f"{type(x).__name__} {x!r:.200}"
        return
    if isinstance(x, Tracer):
        yield name, TRACED
        return
    if depth == 0 or id(x) in seen or isinstance(x, OPAQUE):
        return
    seen.add(id(x))
    if isinstance(x, np.ndarray):
        yield name, f"{x.shape} {hash(x.tobytes()) if x.dtype != object else ''}"
    elif isinstance(x, np.random.Generator):
        yield name, str(x.bit_generator.state)
    elif isinstance(x, itertools.count):
        yield name, repr(x)
    else:
        parts = _parts(x)
        if isinstance(x, list | dict | set):
            yield name, f"{type(x).__name__} of {len(x)}"
        for key, part in itertools.islice(parts, MAX_ITEMS):
            yield from _values(part, f"{name}{key}", depth - 1, seen)


def _parts(x: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(x, dict):
        yield from ((f"[{k!r}]", v) for k, v in x.items())
    elif isinstance(x, list | tuple):
        yield from ((f"[{i}]", v) for i, v in enumerate(x))
    elif isinstance(x, functools.partial):
        yield from (("", x.func), (".args", x.args), (".keywords", x.keywords))
    elif hasattr(x, "__wrapped__") and not isinstance(x, types.FunctionType):
        yield "", x.__wrapped__
    elif isinstance(x, types.MethodType):
        yield ".self", x.__self__
        yield "", x.__func__
    elif isinstance(x, types.FunctionType):
        cells = zip(x.__code__.co_freevars, x.__closure__ or (), strict=True)
        yield from ((f".{k}", c.cell_contents) for k, c in cells if _is_set(c))
        names = (k for k in x.__code__.co_names if k in x.__globals__)
        yield from ((f".{k}", x.__globals__[k]) for k in names)
    elif type(x).__module__.partition(".")[0] not in ("jax", "jaxlib", "numpy"):
        yield from ((f".{k}", v) for k, v in getattr(x, "__dict__", {}).items())


def _is_set(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
