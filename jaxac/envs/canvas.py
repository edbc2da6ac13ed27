"""A small canvas in an environment's own coordinates, and the colours of all pictures."""

import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

Point = Sequence[Any]
"""(x, y) in the environment's units, y upwards."""

COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#CC79A7",
    "#56B4E9",
    "#882255",
    "#999933",
    "#6A3D9A",
    "#8C6D46",
)
"""Okabe and Ito 2008 without yellow, then four that stay apart from them."""
BLUE, VERMILION, GREEN, ORANGE = COLOURS[:4]
INK, GREY, PALE, PAPER = "#333333", "#A0A0A0", "#EDEDED", "#FFFFFF"
SHARPNESS = 3  # drawn so many times larger and then shrunk, which smooths edges


def rgb(colour: str) -> np.ndarray:
    """`#0072B2` as three numbers, uint8 [3]."""
    return np.frombuffer(bytes.fromhex(colour[1:]), np.uint8)


@functools.cache
def font(size: int) -> Any:
    """DejaVu Sans, which matplotlib brings along, `size` pixels high."""
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(
        str(Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")), size
    )


class Canvas:
    """Shapes between `x` and `y` (low, high) on white; widths of lines are in pixels."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float], width: int = 480):
        from PIL import Image, ImageDraw

        self._x, self._y = float(x[0]), float(y[1])
        self._scale = SHARPNESS * width / (float(x[1]) - float(x[0]))
        # even, as video needs it
        height = 2 * round((float(y[1]) - float(y[0])) * self._scale / SHARPNESS / 2)
        self.size = width, height
        self._image = Image.new("RGB", (SHARPNESS * width, SHARPNESS * height), PAPER)
        self._draw = ImageDraw.Draw(self._image)

    def _at(self, point: Point) -> tuple[float, float]:
        x, y = (float(v) for v in point)
        return (x - self._x) * self._scale, (self._y - y) * self._scale

    def line(self, points: Sequence[Point], colour: str = INK, width: float = 2.0) -> None:
        """A line through `points` with round ends."""
        at = [self._at(p) for p in points]
        thick = round(SHARPNESS * width)
        self._draw.line(at, colour, thick, joint="curve")
        for x, y in (at[0], at[-1]):
            r = thick / 2 - 0.5
            self._draw.ellipse((x - r, y - r, x + r, y + r), colour)

    def polygon(self, points: Sequence[Point], colour: str) -> None:
        """A filled shape."""
        self._draw.polygon([self._at(p) for p in points], colour)

    def box(self, low: Point, high: Point, colour: str) -> None:
        """A filled rectangle between two corners."""
        self.polygon([low, (high[0], low[1]), high, (low[0], high[1])], colour)

    def circle(self, centre: Point, radius: float, colour: str, edge: str | None = None) -> None:
        """A disc; `radius` is in the environment's units."""
        x, y = self._at(centre)
        r = float(radius) * self._scale
        self._draw.ellipse((x - r, y - r, x + r, y + r), colour, edge, SHARPNESS)

    def arc(
        self, centre: Point, radius: float, start: float, turn: float, colour: str, width: float
    ) -> None:
        """An arrow along a circle: from the angle `start`, by `turn` anticlockwise, in radians."""
        if abs(turn) < 0.02:
            return
        angles = start + np.linspace(0.0, turn, 24)
        spots = [
            (centre[0] + radius * math.cos(a), centre[1] + radius * math.sin(a)) for a in angles
        ]
        self.line(spots, colour, width)
        (x, y), along = spots[-1], angles[-1] + math.copysign(math.pi / 2, turn)
        size = 3.0 * SHARPNESS * width / self._scale
        sides = (along, along + 2.2, along - 2.2)
        self.polygon([(x + size * math.cos(a), y + size * math.sin(a)) for a in sides], colour)

    def picture(self) -> np.ndarray:
        """What was drawn, uint8 [H, W, 3]."""
        return np.asarray(self._image.reduce(SHARPNESS))
