"""Search spaces: axes, and the samplers that turn them into configurations."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from jaxac.errors import SweepError
from jaxac.fields import Choice, LogUniform, Search, Uniform

Axes = Mapping[str, Search]
Point = dict[str, Any]
DEFAULT_GRID = 5  # points of a numeric axis in a grid, if it does not say `num`


@dataclasses.dataclass(frozen=True)
class GridAxis:
    """A numeric axis that says how many points a grid takes from it."""

    search: Uniform | LogUniform
    num: int


def grid(axes: Mapping[str, Search | GridAxis]) -> list[Point]:
    """Every combination, the last axis fastest; numeric axes at evenly spaced quantiles."""
    columns = [_grid_values(axis) for axis in axes.values()]
    return [dict(zip(axes, row, strict=True)) for row in itertools.product(*columns)]


def grid_size(axes: Mapping[str, Search | GridAxis]) -> int:
    """How many points `grid` gives."""
    return math.prod(_grid_count(axis) for axis in axes.values())


def _grid_count(axis: Search | GridAxis) -> int:
    if isinstance(axis, Choice):
        return len(axis.values)
    return axis.num if isinstance(axis, GridAxis) else DEFAULT_GRID


def _grid_values(axis: Search | GridAxis) -> Sequence[Any]:
    if isinstance(axis, Choice):
        return axis.values
    search = axis.search if isinstance(axis, GridAxis) else axis
    return [search(u) for u in np.linspace(0.0, 1.0, _grid_count(axis)).tolist()]


def uniform(axes: Axes, count: int, seed: int) -> list[Point]:
    """Independent draws."""
    return _at(axes, np.random.default_rng(seed).random((count, len(axes))))


def sobol(axes: Axes, count: int, seed: int) -> list[Point]:
    """A scrambled Sobol sequence: evener than chance, best where `count` is a power of two.

    Source: Owen 1998 (scrambling), through scipy.
    """
    if not axes:
        return [{} for _ in range(count)]
    sampler = qmc.Sobol(len(axes), scramble=True, rng=seed)
    return _at(axes, sampler.random_base2(max(count - 1, 0).bit_length())[:count])


def _at(axes: Axes, quantiles: np.ndarray) -> list[Point]:
    return [
        {name: axis(float(u)) for (name, axis), u in zip(axes.items(), row, strict=True)}
        for row in quantiles
    ]


SAMPLERS: dict[str, Callable[[Axes, int, int], list[Point]]] = {"random": uniform, "sobol": sobol}


def axis_words(axis: Any) -> Any:
    """An axis in the shortest words of a sweep file; anything that is none as it is."""
    if isinstance(axis, Choice):
        return {"choices": list(axis.values)}
    if isinstance(axis, Uniform | LogUniform):
        axis = {"low": axis.low, "high": axis.high, "log": isinstance(axis, LogUniform)}
    if isinstance(axis, Mapping) and axis.get("log") is False:
        return {k: v for k, v in axis.items() if k != "log"}
    return axis


def parse_axis(path: str, data: Any, default: Search | None) -> Search | GridAxis:
    """An axis from the words of a sweep file.

    `{low, high, log, num}`, `{choices = [...]}`, a bare list of choices, or `"default"` for the
    search range that the field itself declares. Raises `SweepError`.
    """
    if data == "default":
        if default is None:
            raise SweepError(f"{path}: this field declares no search range; give low and high")
        return default
    if isinstance(data, list | tuple):
        data = {"choices": data}
    if not isinstance(data, Mapping):
        raise SweepError(
            f"{path}: {data!r} is not an axis; write {{low = 1e-4, high = 1e-2, log = true}} "
            "or {choices = [...]}"
        )
    unknown = set(data) - {"low", "high", "log", "num", "choices"}
    if unknown:
        raise SweepError(f"{path}: unknown word {min(unknown)!r}")
    if "choices" in data:
        if len(data) > 1 or not isinstance(data["choices"], list | tuple) or not data["choices"]:
            raise SweepError(f"{path}: choices is a list that is not empty, and stands alone")
        return Choice(tuple(data["choices"]))
    return _parse_range(path, data)


def _parse_range(path: str, data: Mapping[str, Any]) -> Search | GridAxis:
    low, high = (_finite(path, name, data.get(name)) for name in ("low", "high"))
    if not low < high:
        raise SweepError(f"{path}: low = {low:g} is not below high = {high:g}")
    log = data.get("log", False)
    if not isinstance(log, bool):
        raise SweepError(f"{path}.log: {log!r} is not true or false")
    if log and low <= 0:
        raise SweepError(f"{path}: a log axis needs low > 0, got {low:g}")
    search = LogUniform(low, high) if log else Uniform(low, high)
    if "num" not in data:
        return search
    num = data["num"]
    if isinstance(num, bool) or not isinstance(num, int) or num < 1:
        raise SweepError(f"{path}.num: {num!r} is not a positive whole number")
    return GridAxis(search, num)


def _finite(path: str, name: str, x: Any) -> float:
    if isinstance(x, bool) or not isinstance(x, int | float) or not np.isfinite(x):
        raise SweepError(f"{path}.{name}: {x!r} is not a finite number")
    return x
