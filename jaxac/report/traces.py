"""Pictures of episodes whose observations are vectors: plots that grow with time."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxac.envs.canvas import BLUE, GREEN, INK, VERMILION, rgb
from jaxac.envs.picture import figure_picture
from jaxac.report.drawing import STYLE

MOST_ROWS = 6  # numbers that get a panel each; more share a heat map
FEW_STEPS = 40  # episodes up to this length show each step as a dot
DOTS_PER_INCH = 100
KINDS = {"obs": BLUE, "action": VERMILION, "reward": GREEN}
WIDTH, ROW, HEAT = 4.8, 0.62, 1.9  # inches


def trace_picture(obs: np.ndarray, action: Any, reward: np.ndarray) -> Callable[[int], np.ndarray]:
    """How to draw step t of an episode: what was seen, done and paid until then.

    `obs` is [T + 1, ...], `action` [T, ...] and `reward` [T] or [T, A]. Returns a function from t,
    in 0 to T, to uint8 [H, W, 3]. The rows of a heat map are each scaled to their own range.
    """
    steps = len(reward)
    rows = [*_rows("obs", obs, 0), *_rows("action", action, 0), *_rows("reward", reward, 1)]
    heights = [ROW if values.ndim == 1 else HEAT for _, values, _ in rows]
    with style.context(["default", STYLE]):
        figure = Figure((WIDTH, sum(heights) + 0.45), DOTS_PER_INCH, layout="constrained")
        axes = figure.subplots(len(rows), 1, sharex=True, squeeze=False, height_ratios=heights)
        axes = list(axes[:, 0])
        drawn = [
            _draw(panel, *row, steps <= FEW_STEPS) for panel, row in zip(axes, rows, strict=True)
        ]
        axes[-1].set_xlim(-1 if HEAT in heights else -0.02 * steps, 1.02 * steps)
        axes[-1].set_xlabel("step", fontsize=9)
        axes[-1].xaxis.set_major_locator(MaxNLocator(8, integer=True))
        figure.align_ylabels(axes)
        full = figure_picture(figure)
        figure.set_layout_engine("none")
        for artist in drawn:
            artist.set_visible(False)
        empty = figure_picture(figure)
    across = [axes[0].transData.transform((t, 0.0))[0] for t in range(steps + 1)]
    high = len(full) - round(axes[0].get_window_extent().y1)
    low = len(full) - round(axes[-1].get_window_extent().y0)

    def picture(t: int) -> np.ndarray:
        now = round(across[t])
        shown = empty.copy()
        shown[:, : now + 1] = full[:, : now + 1]
        shown[high:low, now] = rgb(INK)
        return shown

    return picture


def _rows(name: str, values: Any, begin: int) -> Iterator[tuple[str, np.ndarray, int]]:
    """Panels: a line [n] for each of a few numbers, or one heat map [n, D]; from step `begin`."""
    table = np.asarray(values, np.float64).reshape(len(values), -1)
    table = np.where(np.isfinite(table), table, np.nan)
    width = table.shape[1]
    if width > MOST_ROWS:
        yield f"{name} ({width})", table, begin
        return
    for i in range(width):
        yield name if width == 1 else f"{name} {i}", table[:, i], begin


def _draw(axes: Axes, name: str, values: np.ndarray, begin: int, dots: bool) -> Artist:
    axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=9)
    axes.tick_params(labelsize=8)
    if values.ndim == 1:
        whole = bool((values == np.round(values)).all())
        axes.yaxis.set_major_locator(MaxNLocator(2, integer=whole))
        if np.ptp(values) == 0:
            axes.set_ylim(values[0] - 1, values[0] + 1)
        at = np.arange(begin, begin + len(values))
        look = {"color": KINDS[name.split()[0]], "marker": "o" if dots else "", "markersize": 3.0}
        return axes.plot(at, values, linewidth=1.4, clip_on=False, **look)[0]
    axes.set_yticks([])
    axes.grid(visible=False)
    low, span = values.min(0), np.ptp(values, 0)
    scaled = (values - low) / np.where(span > 0, span, 1.0)
    # a column reaches its step from the left, so that it shows as a whole once that is drawn
    extent = (begin - 1, begin - 1 + len(values), 0, values.shape[1])
    return axes.imshow(scaled.T, aspect="auto", extent=extent, interpolation="nearest")
