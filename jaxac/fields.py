"""What a hyper-parameter field says of itself: its doc, valid range and default search range.

This module imports no jax, so that the command line can print fields quickly.
"""

import dataclasses
import math
import re
from collections.abc import Sequence
from typing import Any

_INTERVAL = re.compile(r"\s*([\[(])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])\s*")


@dataclasses.dataclass(frozen=True)
class Interval:
    """A real interval, open or closed at each end: `Interval.parse("(0, 1]")`."""

    low: float
    high: float
    closed_low: bool = True
    closed_high: bool = True

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Read the notation of mathematics, `[0, inf)`. Raises `ValueError` on anything else."""
        match = _INTERVAL.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an interval such as '[0, 1)'")
        left, low, high, right = match.groups()
        return cls(float(low), float(high), left == "[", right == "]")

    def __contains__(self, x: float) -> bool:
        above = x >= self.low if self.closed_low else x > self.low
        below = x <= self.high if self.closed_high else x < self.high
        return bool(above and below)

    def __str__(self) -> str:
        left, right = "[" if self.closed_low else "(", "]" if self.closed_high else ")"
        return f"{left}{self.low:g}, {self.high:g}{right}"


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Values spread evenly over [low, high]."""

    low: float
    high: float

    def __call__(self, u: float) -> float:
        """The value at quantile `u` in [0, 1]."""
        return self.low + u * (self.high - self.low)


@dataclasses.dataclass(frozen=True)
class LogUniform:
    """Values whose logarithm is spread evenly over [log low, log high]; `low` > 0."""

    low: float
    high: float

    def __call__(self, u: float) -> float:
        """The value at quantile `u` in [0, 1]."""
        if u in (0.0, 1.0):
            return self.high if u else self.low  # exactly, where exp(log(x)) is x but for rounding
        return math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of `values`, each equally likely."""

    values: tuple[Any, ...]

    def __call__(self, u: float) -> Any:
        """The value at quantile `u` in [0, 1]."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]


Search = Uniform | LogUniform | Choice


@dataclasses.dataclass(frozen=True)
class Meta:
    """The declaration of one field, kept in `dataclasses.Field.metadata["jaxac"]`."""

    doc: str
    within: Interval | None = None
    search: Search | None = None


def field(
    default: Any, doc: str, within: str | None = None, search: Search | Sequence | None = None
) -> Any:
    """A documented field of a `@frozen` class.

    `within` is the valid range in the notation of mathematics (`"[0, 1)"`); it bounds every number
    in the value. `search` is where a sweep looks if it names the field without a range.
    """
    interval = None if within is None else Interval.parse(within)
    if isinstance(search, Sequence):
        search = Choice(tuple(search))
    return dataclasses.field(
        default=default, metadata={"jaxac": Meta(" ".join(doc.split()), interval, search)}
    )


def meta(f: dataclasses.Field) -> Meta:
    """The declaration of a dataclass field, empty if it was not made by `field`."""
    return f.metadata.get("jaxac", Meta(""))
