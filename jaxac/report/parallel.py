"""Parallel coordinates of a sweep: each configuration a line through all its values to its score.

Arguments and files are as in `jaxac.report.figures`.
"""

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import LogLocator, MaxNLocator

from jaxac.report import drawing
from jaxac.report.tables import format_value, is_numeric, natural_key, rank

FOOT = -0.09  # height of what has no place on an axis, which goes from 0 to 1
FEW = 6  # values of an axis that are all named
CLOSE = 0.045  # ticks nearer to each other would touch
WIDE = 1e4  # a log axis that spans less has ticks within decades
HALO = [withStroke(linewidth=2.5, foreground="white")]
THICK = 2.2  # points, of the best


@dataclass(frozen=True)
class _Scale:
    """An axis: where its values lie between 0 and 1, or at `FOOT`, and what stands beside it."""

    name: str
    places: np.ndarray  # [configs]
    ticks: list[tuple[float, str]]  # place and text


def parallel_coordinates(
    frame: pd.DataFrame,
    configs: pd.DataFrame,
    path: str | os.PathLike[str],
    title: str = "Parallel coordinates",
    metric: str = "eval_return",
    status: pd.Series | None = None,
    top: int = 5,
) -> None:
    """Draw a line per config through its swept values, one axis each, to the final IQM of `metric`.

    Lines are coloured by rank in `tables.rank`, the best `top` thick and above the rest; with
    `status`, finished runs alone count. Configs with a diverged run are dashed in vermilion, those
    without a score grey. Below an axis, at `-`, are configs that lack its value, and on the last
    those without a score or far below the others.

    Raises JaxacError as `tables.rank` does, or if `path` has another suffix.
    """
    table = rank(frame, configs, status, metric).sort_values("config", ignore_index=True)
    score = np.asarray(table["IQM"], np.float64)
    places = table["rank"].to_numpy(np.float64, na_value=np.nan)
    diverged = np.asarray(table["diverged"]) > 0
    scales = [_scale(str(name), configs[name].loc[table["config"]].tolist()) for name in configs]
    scales.append(_score_scale(f"final {metric.replace('_', ' ')}\n(IQM)", score))
    names = [_broken(scale.name) for scale in scales]
    widths = [max(map(len, name.split("\n"))) for name in names]
    with style.context(["default", drawing.STYLE]):
        size = max(6.0, sum(max(1.25, 0.1 * width) for width in widths) + 1.2), 4.8
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(title)
        axes = figure.add_subplot()
        axes.set(xlim=(-0.02, len(names) - 0.98), ylim=(FOOT - 0.03, 1.03))
        axes.set_axis_off()
        if configs.empty:
            drawing.say(axes, "no hyper-parameter was swept")
            return drawing.write(figure, path)

        most = int(np.sum(~np.isnan(score)))
        colours = drawing.rank_colours(most)
        lines = np.stack([scale.places for scale in scales], axis=1)  # [configs, axes]
        _draw_lines(axes, lines, places, diverged, colours.to_rgba(places), top)
        for at, (scale, name) in enumerate(zip(scales, names, strict=True)):
            _draw_axis(axes, at, scale, name, last=at == len(scales) - 1)
        drawing.rank_bar(figure, colours, [axes], most)
        legend = _legend(places, diverged, min(top, most))
        figure.legend(handles=legend, loc="outside lower center", ncols=4)
        drawing.write(figure, path)


def _scale(name: str, values: list[Any]) -> _Scale:
    texts = [format_value(v) for v in values]
    if not is_numeric(values):
        kinds = sorted(set(texts) - {"-"}, key=natural_key)
        return _level_scale(name, texts, kinds, [kind.replace(", ", ",") for kind in kinds])
    x = np.array(
        [np.nan if text == "-" else v for v, text in zip(values, texts, strict=True)], np.float64
    )
    levels, counts = np.unique(x[~np.isnan(x)], return_counts=True)
    if 3 * len(levels) > counts.sum():
        return _number_scale(name, x)
    cells = ["-" if np.isnan(v) else repr(v) for v in x.tolist()]
    return _level_scale(name, cells, list(map(repr, levels.tolist())), _texts(levels))


def _number_scale(name: str, x: np.ndarray) -> _Scale:
    known = x[~np.isnan(x)]
    least, most = float(known.min()), float(known.max())
    log = drawing.is_log(known)
    if len(np.unique(known)) <= FEW:
        ticks = np.unique(known)
    elif log:
        steps = (1.0, 3.0) if most / least < WIDE else (1.0,)
        ticks = LogLocator(subs=steps, numticks=20).tick_values(least, most)
    else:
        ticks = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(least, most)

    def place(v: np.ndarray) -> np.ndarray:
        low, high, v = (np.log(z) if log else np.asarray(z) for z in (least, most, v))
        return (v - low) / (high - low) if low < high else np.full(v.shape, 0.5)

    shown = _within(ticks, least, most)
    named = list(zip(place(shown).tolist(), _texts(shown), strict=True))
    lacking = [(FOOT, "-")] if len(known) < len(x) else []
    return _Scale(name, np.where(np.isnan(x), FOOT, place(x)), [*lacking, *_apart(named)])


def _level_scale(name: str, cells: list[str], kinds: list[str], texts: list[str]) -> _Scale:
    """Evenly spaced levels from below; configs of one level lie side by side."""
    places = {kind: (i + 0.5) / len(kinds) for i, kind in enumerate(kinds)} | {"-": FOOT}
    spread = np.where(np.array(cells) == "-", 0.0, 0.5 / max(1, len(kinds)))
    at = np.array([places[cell] for cell in cells]) + spread * drawing.jitter(cells)
    ticks = [(places[k], drawing.shorten(text)) for k, text in zip(kinds, texts, strict=True)]
    lacking = [(FOOT, "-")] if "-" in cells else []
    return _Scale(name, at, [*lacking, *_apart(ticks)])


def _score_scale(name: str, score: np.ndarray) -> _Scale:
    limits = drawing.span(list(score[:, None]))
    if limits is None:
        return _Scale(name, np.full(len(score), FOOT), [(FOOT, "-")])
    low, high = limits
    ticks = _within(MaxNLocator(6).tick_values(low, high), low, high)
    named = list(zip(((ticks - low) / (high - low)).tolist(), _texts(ticks), strict=True))
    below = [f"< {low:.3g}"] if (score < low).any() else []
    none = ["-"] if np.isnan(score).any() else []
    foot = [(FOOT, ", ".join([*none, *below]))] if none or below else []
    return _Scale(name, np.where(score >= low, (score - low) / (high - low), FOOT), foot + named)


def _within(ticks: Any, low: float, high: float) -> np.ndarray:
    ticks = np.asarray(ticks, np.float64)
    return ticks[(ticks >= low) & (ticks <= high)]


def _texts(ticks: np.ndarray) -> list[str]:
    return [drawing.tick_text(tick) for tick in ticks.tolist()]


def _apart(ticks: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Ticks, from below, without those that would touch the one before."""
    kept: list[tuple[float, str]] = []
    for tick in ticks:
        if not kept or tick[0] - kept[-1][0] > CLOSE:
            kept.append(tick)
    return kept


def _broken(name: str) -> str:
    """A dotted name in lines that fit between two axes."""
    parts = name.replace(".", ".\n").split("\n")
    return "\n".join(drawing.shorten(part, drawing.MAX_TEXT + 4) for part in parts)


def _draw_lines(
    axes: Axes,
    lines: np.ndarray,
    places: np.ndarray,
    diverged: np.ndarray,
    fill: np.ndarray,
    top: int,
) -> None:
    """The worst first, so that the best lie on top; what has no score lies below all."""
    scored = ~np.isnan(places)
    faint = float(np.clip(40 / max(1, len(lines)), 0.15, 0.7))
    grey = ~scored & ~diverged
    points = np.stack([np.broadcast_to(np.arange(lines.shape[1]), lines.shape), lines], axis=-1)

    def draw(rows: np.ndarray, colours: Any, width: float, alpha: float, dashes: str = "-") -> None:
        look: dict[str, Any] = {"linewidths": width, "linestyles": dashes, "alpha": alpha}
        axes.add_collection(LineCollection(list(points[rows]), colors=colours, **look))

    order = np.argsort(-np.nan_to_num(places, nan=np.inf), kind="stable")
    draw(np.flatnonzero(grey), drawing.GREY, 0.8, 0.5 * faint)
    rest = order[(scored & ~diverged & (places > top))[order]]
    draw(rest, fill[rest], 1.0, faint)
    lost = np.flatnonzero(diverged)
    draw(lost, drawing.VERMILION, 1.0, float(np.clip(20 / max(1, len(lost)), 0.25, 0.8)), "--")
    best = order[(scored & ~diverged & (places <= top))[order]]
    draw(best, fill[best], THICK, 1.0)


def _draw_axis(axes: Axes, at: int, scale: _Scale, name: str, last: bool) -> None:
    axes.plot([at, at], [0.0, 1.0], color="#555555", linewidth=1.0, zorder=3)
    side = {"xytext": (5, 0), "ha": "left"} if last else {"xytext": (-5, 0), "ha": "right"}
    spots = [spot for spot, _ in scale.ticks]
    axes.plot([at] * len(spots), spots, "_", color="#555555", markersize=5, zorder=3)
    look: dict[str, Any] = {"textcoords": "offset points", "zorder": 4, "path_effects": HALO}
    for spot, text in scale.ticks:
        axes.annotate(text, (at, spot), va="center", fontsize=8, **side, **look)
    axes.annotate(name, (at, 1.0), (0, 10), ha="center", va="bottom", fontsize=9, **look)


def _legend(places: np.ndarray, diverged: np.ndarray, best: int) -> list[Line2D]:
    kinds = [
        (best > 0, f"the best {best}" if best > 1 else "the best", {"linewidth": THICK}),
        (diverged.any(), "a run diverged", {"color": drawing.VERMILION, "linestyle": "--"}),
        ((np.isnan(places) & ~diverged).any(), "no score", {"color": drawing.GREY}),
    ]
    dark = {"color": drawing.BEST, "linewidth": 1.0}
    return [Line2D([], [], label=label, **(dark | look)) for shown, label, look in kinds if shown]
