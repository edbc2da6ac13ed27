"""Learning curves and hyper-parameter sensitivity of a sweep, as files for papers and web pages.

`frame`, `configs` and `status` are those of `jaxac.report.tables`. A figure is written to `path` as
PNG (150 dots per inch), PDF or SVG by its suffix, whole or not at all; equal inputs give equal
bytes. Figures ignore the user's matplotlib style and leave pyplot alone.
"""

import math
import os
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, NullFormatter

from jaxac.report import drawing, stats
from jaxac.report.tables import curves, format_value, is_numeric, natural_key, rank

# Okabe and Ito 2008, jfly.uni-koeln.de/color; without yellow, which fades on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":")  # the next one each time the colours start again
MEDIAN: dict[str, Any] = {"color": drawing.INK, "linewidth": 1.3, "alpha": 0.8}
MAX_COLUMNS = 5  # swept values in a legend; the table has them all
MAX_PANELS = 4  # in a row
LEVEL_TEXT = 30  # characters that fit side by side below a panel


def learning_curves(
    frame: pd.DataFrame,
    configs: pd.DataFrame,
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    title: str = "Learning curves",
    top: int = 5,
    metric: str = "eval_return",
) -> None:
    """Draw `metric` against environment steps: IQM over seeds, with its 95% bootstrap band.

    The first `top` ranked configs of `table` (from `tables.rank`) are in colour and named by their
    swept values, the others grey. A point is over the seeds with a value at that step, so runs that
    stopped are drawn as far as they came. What is far below the rest leaves the picture.

    Raises JaxacError if `path` has another suffix.
    """
    found = curves(frame, metric)
    ranked = table.loc[np.asarray(table["rank"].notna()), "config"].tolist()
    best = [c for c in ranked[:top] if c in found]
    rest = [found[c] for c in configs.index.tolist() if c in found and c not in best]
    with style.context(["default", drawing.STYLE]):
        figure = Figure(figsize=(7.0, 4.0 + 0.2 * len(best)), layout="constrained")
        axes = figure.add_subplot(title=title, xlabel="environment steps")
        axes.set_ylabel(f"{metric.replace('_', ' ')} (IQM, 95% interval)")
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        grey = [np.column_stack([steps, stats.iqm_of_present(values)]) for steps, values in rest]
        faint = float(np.clip(20 / max(1, len(grey)), 0.15, 0.5))
        axes.add_collection(LineCollection(grey, colors=drawing.GREY, linewidths=0.8, alpha=faint))
        shown = [line[:, 1] for line in grey]
        for place, config in reversed(list(enumerate(best))):  # the best lies on top
            shown.append(_draw_curve(axes, *found[config], place))
        _limit(axes, shown)

        if not found:
            drawing.say(axes, f"no values of {metric} yet")
        handles, labels = _swept_values(configs.loc[best]) if best else ([], [])
        if grey:
            handles.append(Line2D([], [], color=drawing.GREY, linewidth=0.8))
            labels.append(f"{len(grey)} {'other ' if best else ''}configs")
        mono = {"family": "monospace", "size": drawing.STYLE["legend.fontsize"]}
        figure.legend(handles, labels, loc="outside lower center", prop=mono)
        drawing.write(figure, path)


def sensitivity(
    frame: pd.DataFrame,
    configs: pd.DataFrame,
    path: str | os.PathLike[str],
    title: str = "Sensitivity to hyper-parameters",
    metric: str = "eval_return",
    status: pd.Series | None = None,
) -> None:
    """Draw the final IQM of `metric` against each swept hyper-parameter, one panel each.

    Every config is a dot, coloured by its rank in `tables.rank`; with `status`, finished runs alone
    count, and configs with a diverged run are ringed. Configs without a score are crosses at the
    bottom, far outliers triangles there. The line is a running median; lists and strings get boxes
    from quartile to quartile, with the median.

    Raises JaxacError as `tables.rank` does, or if `path` has another suffix.
    """
    table = rank(frame, configs, status, metric).sort_values("config", ignore_index=True)
    score = np.asarray(table["IQM"], np.float64)
    names = list(configs.columns)
    num_rows = math.ceil(len(names) / MAX_PANELS) or 1
    num_columns = math.ceil(len(names) / num_rows) or 1
    with style.context(["default", drawing.STYLE]):
        size = max(5.0, 2.4 * num_columns + 1.2), 2.5 * num_rows + 1.0
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(title)
        panels = list(figure.subplots(num_rows, num_columns, sharey=True, squeeze=False).flat)
        for axes in panels[max(1, len(names)) :]:
            axes.remove()
        if configs.empty:
            drawing.say(panels[0], "no hyper-parameter was swept")
            return drawing.write(figure, path)

        figure.supylabel(f"final {metric.replace('_', ' ')} (IQM)", fontsize="medium")
        most = int(np.sum(~np.isnan(score)))
        colours = drawing.rank_colours(most)
        _limit(panels[0], list(score[:, None]))
        for axes, name in zip(panels, names, strict=False):
            values = configs[name].loc[table["config"]].tolist()
            draw_values = _number_axis if is_numeric(values) else _category_axis
            _draw_dots(axes, draw_values(axes, values, score), table, colours)
            axes.set_xlabel(drawing.shorten(str(name), 2 * drawing.MAX_TEXT))
        drawing.rank_bar(figure, colours, panels[: len(names)], most)
        keys = [dict(zip(*axes.get_legend_handles_labels(), strict=True)) for axes in panels]
        key = {label: handle for each in keys for handle, label in each.items()}
        figure.legend(
            key.values(), key.keys(), loc="outside lower center", ncols=5, markerscale=1.2
        )
        drawing.write(figure, path)


def _draw_curve(axes: Axes, steps: np.ndarray, values: np.ndarray, place: int) -> np.ndarray:
    low, high = np.transpose([stats.bootstrap_interval(row[~np.isnan(row)]) for row in values])
    look, middle = _look(place), stats.iqm_of_present(values)
    axes.fill_between(steps, low, high, color=look["color"], alpha=0.15, linewidth=0)
    axes.plot(steps, middle, marker="o" if len(steps) == 1 else "", **look)
    return np.concatenate([low, middle, high])


def _look(place: int) -> dict[str, Any]:
    turn, colour = divmod(place, len(COLOURS))
    return {"color": COLOURS[colour], "linestyle": DASHES[turn % len(DASHES)], "linewidth": 1.8}


def _swept_values(configs: pd.DataFrame) -> tuple[list[Line2D], list[str]]:
    """A legend in the shape of a table: a header, then the swept values of each config."""
    texts = {str(name): [format_value(v) for v in configs[name]] for name in configs}
    differ_first = sorted(texts, key=lambda name: len(set(texts[name])) < 2)
    shown = [name for name in texts if name in differ_first[:MAX_COLUMNS]]
    columns = [["config", *map(str, configs.index)], *([name, *texts[name]] for name in shown)]
    if len(shown) < len(texts):
        columns.append([f"+{len(texts) - len(shown)} more", *[""] * len(configs)])
    columns = [[drawing.shorten(text) for text in column] for column in columns]
    widths = [max(map(len, column)) for column in columns]
    labels = ["  ".join(map(str.ljust, row, widths)) for row in zip(*columns, strict=True)]
    lines = [Line2D([], [], **_look(place)) for place in range(len(configs))]
    return [Line2D([], [], linestyle=""), *lines], labels


def _number_axis(axes: Axes, values: list[Any], score: np.ndarray) -> np.ndarray:
    """Positions along x of the configs, none being NaN; draws the running median."""
    x = np.array([np.nan if format_value(v) == "-" else v for v in values], np.float64)
    if drawing.is_log(x[~np.isnan(x)]):
        axes.set_xscale("log")
        few_decades = np.nanmax(x) / np.nanmin(x) < 300.0
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0) if few_decades else (1.0,)))
        axes.xaxis.set_minor_formatter(NullFormatter())
    else:
        axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda tick, _: drawing.tick_text(tick))
    known = ~np.isnan(x) & ~np.isnan(score)
    middle = stats.running_median(x[known], score[known])
    axes.plot(*middle, **MEDIAN, label="median" if middle[0].size > 1 else None)
    return x


def _category_axis(axes: Axes, values: list[Any], score: np.ndarray) -> np.ndarray:
    """Positions along x of the configs, with jitter; draws boxes."""
    texts = [format_value(v) for v in values]
    kinds = sorted(set(texts), key=natural_key)
    place = np.array([kinds.index(text) for text in texts])
    scores = [score[(place == i) & ~np.isnan(score)] for i in range(len(kinds))]
    spots = np.array([i for i, group in enumerate(scores) if len(group)], float)
    quartiles = [np.quantile(group, [0.25, 0.5, 0.75]) for group in scores if len(group)]
    low, middle, high = np.reshape(quartiles, (-1, 3)).T
    axes.bar(spots, high - low, 0.6, low, color="#F0F0F0", edgecolor=drawing.GREY, linewidth=0.8)
    axes.hlines(middle, spots - 0.3, spots + 0.3, **MEDIAN, label="median" if spots.size else "")
    labels = [drawing.shorten(kind.replace(", ", ",")) for kind in kinds]
    wide = len(labels) * max(map(len, labels)) > LEVEL_TEXT
    tilt = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if wide else {}
    axes.set_xticks(range(len(kinds)), labels, **tilt)
    axes.set_xlim(-0.5, len(kinds) - 0.5)
    axes.grid(visible=False, axis="x")
    return place + 0.4 * drawing.jitter(texts)


def _draw_dots(axes: Axes, x: np.ndarray, table: pd.DataFrame, colours: ScalarMappable) -> None:
    score = np.asarray(table["IQM"], np.float64)
    floor, top = axes.get_ylim()
    foot = floor + 0.03 * (top - floor)  # the height of what has none, or lies below the axis
    height = np.where(score >= floor, score, foot)  # foot also for NaN
    fill = colours.to_rgba(table["rank"].to_numpy(np.float64, na_value=np.nan))
    fill[np.isnan(score)] = to_rgba(drawing.GREY)
    size = float(np.clip(2000 / len(x), 12, 42))
    diverged = np.asarray(table["diverged"]) > 0
    marks = [
        ("config", "o", (score >= floor) & ~diverged, {"edgecolors": "white", "linewidths": 0.4}),
        ("a run diverged", "o", (score >= floor) & diverged, {"edgecolors": drawing.VERMILION}),
        ("far below", "v", score < floor, {"edgecolors": "white", "linewidths": 0.4}),
        ("no score", "X", np.isnan(score), {"edgecolors": "white", "linewidths": 0.4}),
    ]
    for label, marker, rows, edge in marks:
        look = {"c": fill[rows], "clip_on": False, "zorder": 3, **edge}
        if rows.any():
            axes.scatter(x[rows], height[rows], size, marker=marker, label=label, **look)


def _limit(axes: Axes, groups: list[np.ndarray]) -> None:
    limits = drawing.span(groups)
    if limits is None:
        axes.set(ylim=(0.0, 1.0), yticks=[])
    else:
        axes.set_ylim(*limits)
