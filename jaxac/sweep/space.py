"""Search spaces: axes, and the samplers that turn them into configurations."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import qmc

from jaxac.config import to_json
from jaxac.errors import SweepError, closest
from jaxac.fields import Choice, LogUniform, Search, Uniform
from jaxac.plain import shown

Point = dict[str, Any]
DEFAULT_GRID = 5  # points of a numeric axis in a grid, if it does not say `num`
WORDS = ("low", "high", "log", "num", "choices", "when")


@dataclasses.dataclass(frozen=True)
class Axis:
    """One line of a space. `when` maps names to the values under which the axis applies at all."""

    search: Search
    num: int | None = None  # points that a grid takes from it
    when: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many points a grid takes from it."""
        if isinstance(self.search, Choice):
            return len(self.search.values)
        return self.num or DEFAULT_GRID

    def __call__(self, u: float) -> Any:
        """The value at quantile `u` in [0, 1]."""
        return self.search(u)

    @property
    def grid(self) -> Sequence[Any]:
        """Its values in a grid: all choices, or numbers at evenly spaced quantiles."""
        if isinstance(self.search, Choice):
            return self.search.values
        return [self.search(u) for u in np.linspace(0.0, 1.0, self.count).tolist()]


Axes = Mapping[str, Axis]


def grid(axes: Axes, known: Point | None = None) -> list[Point]:
    """Every combination, the last axis fastest; those that conditions make equal once."""
    columns = [axis.grid for axis in axes.values()]
    points = [dict(zip(axes, row, strict=True)) for row in itertools.product(*columns)]
    if not any(axis.when for axis in axes.values()):
        return points
    found = (where_applies(axes, point, known or {}) for point in points)
    return list({repr(point): point for point in found}.values())


def grid_size(axes: Axes) -> int:
    """How many combinations there are, conditions left aside."""
    return math.prod(axis.count for axis in axes.values())


def draw(
    axes: Axes, sampler: str, count: int, seed: int, known: Point | None = None
) -> list[Point]:
    """`count` points of a sampler of `SAMPLERS`; `known` are values that conditions may ask for."""
    quantiles = SAMPLERS[sampler](count, len(axes), seed)
    return [
        where_applies(
            axes,
            {name: axis(float(u)) for (name, axis), u in zip(axes.items(), row, strict=True)},
            known or {},
        )
        for row in quantiles
    ]


def where_applies(axes: Axes, point: Point, known: Point) -> Point:
    """A point without the axes whose conditions it does not meet."""

    def holds(name: str) -> bool:
        return all(meets(x, values) for x, values in axes[name].when.items())

    def meets(name: str, values: tuple[Any, ...]) -> bool:
        if name in axes and not holds(name):
            return False
        value = to_json({**known, **point}[name])
        return value in values or (isinstance(value, Mapping) and value.get("op") in values)

    return {name: value for name, value in point.items() if holds(name)}


def check_conditions(axes: Axes, known: Point) -> None:
    """Raise `SweepError` for a condition on something unknown, or on itself by a detour."""

    def follow(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            around = " needs ".join([*path[path.index(name) :], name])
            raise SweepError(f"space.{path[0]}.when: {around}, so none can be decided")
        for other in axes[name].when if name in axes else ():
            if other not in axes and other not in known:
                near = closest(other, (*axes, *known))
                raise SweepError(
                    f"space.{name}.when: {other} is neither swept nor fixed, so its value is not "
                    f"known here{near}"
                )
            follow(other, (*path, name))

    for name in axes:
        follow(name, ())


def uniform(count: int, dims: int, seed: int) -> np.ndarray:
    """Independent draws in [0, 1)."""
    return np.random.default_rng(seed).random((count, dims))


def sobol(count: int, dims: int, seed: int) -> np.ndarray:
    """A scrambled Sobol sequence: evener than chance, best where `count` is a power of two.

    Source: Owen 1998 (scrambling), through scipy.
    """
    if not dims:
        return np.zeros((count, 0))
    sampler = qmc.Sobol(dims, scramble=True, rng=seed)
    return sampler.random_base2(max(count - 1, 0).bit_length())[:count]


def latin(count: int, dims: int, seed: int) -> np.ndarray:
    """A Latin hypercube: of `count` equal slices of each axis, every one holds one point.

    Source: McKay et al. 1979, through scipy.
    """
    return qmc.LatinHypercube(dims, rng=seed).random(count) if dims else np.zeros((count, 0))


SAMPLERS: dict[str, Callable[[int, int, int], np.ndarray]] = {
    "lhs": latin,
    "random": uniform,
    "sobol": sobol,
}
"""`sampler(count, dims, seed)`: quantiles [count, dims] in [0, 1]."""


def axis_words(axis: Any) -> Any:
    """An axis in the shortest words of a sweep file; anything that is none as it is."""
    if isinstance(axis, Choice):
        return {"choices": list(axis.values)}
    if isinstance(axis, Uniform | LogUniform):
        axis = {"low": axis.low, "high": axis.high, "log": isinstance(axis, LogUniform)}
    if isinstance(axis, Mapping) and axis.get("log") is False:
        return {k: v for k, v in axis.items() if k != "log"}
    return axis


def parse_axis(path: str, data: Any, default: Search | None) -> Axis:
    """An axis from the words of a sweep file.

    `{low, high, log, num}`, `{choices = [...]}`, a bare list of choices, or `"default"` for the
    search range that the field itself declares; a table may add `when`. Raises `SweepError`.
    """
    if data == "default":
        if default is None:
            raise SweepError(f"{path}: this field declares no search range; give low and high")
        return Axis(default)
    if isinstance(data, list | tuple):
        data = {"choices": data}
    if not isinstance(data, Mapping):
        raise SweepError(
            f"{path}: {shown(data)} is not an axis; write {{low = 1e-4, high = 1e-2, log = true}} "
            "or {choices = [...]}"
        )
    unknown = set(data) - set(WORDS)
    if unknown:
        raise SweepError(
            f"{path}: unknown word {shown(min(unknown))}{closest(min(unknown), WORDS)}"
        )
    when, data = _conditions(path, data), {k: v for k, v in data.items() if k != "when"}
    if "choices" in data:
        if len(data) > 1 or not isinstance(data["choices"], list | tuple) or not data["choices"]:
            raise SweepError(f"{path}: choices is a list that is not empty, and stands alone")
        return Axis(Choice(tuple(data["choices"])), None, when)
    return dataclasses.replace(_parse_range(path, data), when=when)


def _conditions(path: str, data: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """`when = {"net.encoder" = "Conv", algorithm = ["ppo", "a2c"]}`: one value, or a list."""
    when = data.get("when", {})
    if not isinstance(when, Mapping):
        raise SweepError(f'{path}.when: {shown(when)} is not a table such as {{algorithm = "ppo"}}')
    return {
        name: tuple(map(to_json, x if isinstance(x, list | tuple) else [x]))
        for name, x in when.items()
    }


def _parse_range(path: str, data: Mapping[str, Any]) -> Axis:
    low, high = (_finite(path, name, data.get(name)) for name in ("low", "high"))
    if not low < high:
        raise SweepError(f"{path}: low = {low:g} is not below high = {high:g}")
    if not math.isfinite(high - low):
        raise SweepError(f"{path}: high - low is more than a number can hold")
    log = data.get("log", False)
    if not isinstance(log, bool):
        raise SweepError(f"{path}.log: {shown(log)} is not true or false")
    if log and low <= 0:
        raise SweepError(f"{path}: a log axis needs low > 0, got {low:g}")
    search = LogUniform(low, high) if log else Uniform(low, high)
    if "num" not in data:
        return Axis(search)
    num = data["num"]
    if isinstance(num, bool) or not isinstance(num, int) or num < 1:
        raise SweepError(f"{path}.num: {shown(num)} is not a positive whole number")
    return Axis(search, num)


def _finite(path: str, name: str, x: Any) -> float:
    if isinstance(x, bool) or not isinstance(x, int | float) or not math.isfinite(x):
        raise SweepError(f"{path}.{name}: {shown(x)} is not a finite number")
    return x
