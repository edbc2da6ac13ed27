"""What the figures of a sweep share: colours, scales, and files that are written whole."""

import math
import os
import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from jaxac.errors import JaxacError
from jaxac.report.tables import format_value

VERMILION, GREY, INK = "#D55E00", "#A0A0A0", "#333333"
BEST = "#440154"  # where `rank_colours` begins
STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.color": "#E8E8E8",
    "grid.linewidth": 0.7,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "pdf.fonttype": 42,  # TrueType: journals refuse the default
    "svg.hashsalt": "jaxac",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
}
UNDATED: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"Creator": None, "Producer": None, "CreationDate": None},
    ".svg": {"Creator": None, "Date": None},
}
DPI = 150
MAX_TEXT = 16  # characters of one swept value
LOG_DECADES = 1.5  # positive values spread wider than this may get a log axis
CROWD = 0.25  # if more of them lie in the lowest tenth of the range; even spacing has a tenth
FENCE = 3.0  # interquartile ranges below the lower quartile: "far out" in Tukey 1977, chapter 2
GOLDEN = 0.618034  # multiples of it, modulo 1, spread evenly: jitter without chance


def is_log(x: np.ndarray) -> bool:
    """Whether x `[n]` spans decades, and would crowd at the low end of a linear axis."""
    least, most = x.min(), x.max()
    if least <= 0.0 or math.log10(most / least) <= LOG_DECADES:
        return False
    return bool(np.mean(x < least + 0.1 * (most - least)) > CROWD)


def tick_text(tick: float) -> str:
    """A tick without the rounding errors of its place."""
    return format_value(float(f"{tick:.6g}"))


def jitter(kinds: list[str]) -> np.ndarray:
    """Offsets `[n]` in [-0.5, 0.5) that spread the elements of each kind evenly."""
    counts: dict[str, int] = {}
    earlier = []
    for kind in kinds:
        earlier.append(counts.get(kind, 0))
        counts[kind] = earlier[-1] + 1
    return (np.array(earlier) * GOLDEN + 0.5) % 1.0 - 0.5


def span(groups: list[np.ndarray]) -> tuple[float, float] | None:
    """Limits that fit groups of values, but for those far below where a group tends to begin.

    None if there are no finite values.
    """
    groups = [group[np.isfinite(group)] for group in groups]
    lows = [group.min() for group in groups if group.size]
    if not lows:
        return None
    values = np.concatenate(groups)
    lower, upper = np.quantile(lows, 0.25), np.quantile(values, 0.75)
    kept = values[values >= lower - FENCE * (upper - lower)]
    margin = 0.06 * (np.ptp(kept) or abs(kept.max()) or 1.0)
    return float(kept.min() - margin), float(kept.max() + margin)


def rank_colours(most: int) -> ScalarMappable:
    """Colours of the ranks 1 to `most`."""
    return ScalarMappable(Normalize(1, max(2, most)), "viridis")


def rank_bar(figure: Figure, colours: ScalarMappable, panels: list[Axes], most: int) -> None:
    """A bar that explains `rank_colours`, the best on top, where there are ranks to compare."""
    if most > 1:
        bar = figure.colorbar(colours, ax=panels, label="rank", aspect=30)
        bar.set_ticks(sorted({round(tick) for tick in np.linspace(1, most, 5)}))
        bar.ax.invert_yaxis()


def say(axes: Axes, text: str) -> None:
    """Write `text` where a picture would be."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, text, ha="center", va="center", color=INK, transform=axes.transAxes)


def shorten(text: str, most: int = MAX_TEXT) -> str:
    """`text` in `most` characters at most."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def write(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure as its suffix says, whole or not at all.

    Raises JaxacError if `path` has another suffix.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in UNDATED:
        raise JaxacError(f"a figure is {', '.join(UNDATED)}; {path.name} is none of these")
    picture = BytesIO()
    figure.savefig(picture, format=suffix[1:], dpi=DPI, metadata=UNDATED[suffix])
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        part.write_bytes(picture.getvalue())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
