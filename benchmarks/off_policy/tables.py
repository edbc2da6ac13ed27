"""What was measured, as Markdown."""

from collections.abc import Callable
from typing import Any

from benchmarks import learning
from benchmarks.off_policy.tasks import BOOK


def shown(found: dict[str, Any]) -> str:
    """Every measure that is there."""
    return "\n\n".join(write(found[name]) for name, write in PARTS.items() if name in found)


def rejax(found: dict[str, Any]) -> str:
    """Updates per second beside Rejax's, a row for each buffer."""
    rows = [
        f"| {row['capacity']:,} | {row['jaxac_updates_per_s']['median']:,.0f} | "
        f"{row['rejax_updates_per_s']['median']:,.0f} | {row['ratio']['median']:.1f} |"
        for row in found["rows"]
    ]
    return (
        f"SAC's updates per second on Pendulum, networks of 64 x 64, a batch of 256 to a step of "
        f"one environment, beside Rejax {found['rejax']} (whose default is the second buffer), in "
        "rounds that took turns on one machine; medians:\n\n"
        "| transitions in the buffer | jaxac | Rejax | times as many |\n"
        "| ---: | ---: | ---: | ---: |\n" + "\n".join(rows)
    )


def limit(found: dict[str, Any]) -> str:
    """How much of the machine's rate of products an update reaches."""
    own, large = (f"{100 * found[f'share_of_{k}']['median']:.0f}%" for k in ("own", "large"))
    return (
        f"With networks of 256 x 256 an update takes {found['mflop_an_update']:.0f} MFLOP in "
        f"products. SAC makes {found['updates_per_s']['median']:.0f} of them a second, all "
        f"included, {found['sac_gflops']['median']:.0f} GFLOP per second: {own} of the rate of "
        f"bare products of 256 x 256 x 256 on the same machine, {large} of that of products of "
        "2,048 in each direction."
    )


def laws(found: dict[str, Any]) -> str:
    """Microseconds of prioritised drawing, a row for each way."""
    rows = [f"| {k} | {x['median']:.0f} |" for k, x in found["microseconds"].items()]
    return (
        f"A draw in proportion to {found['priorities']:,} priorities, and the change of those "
        f"drawn, for a batch of {found['batch']}:\n\n"
        "| way | microseconds |\n| --- | ---: |\n" + "\n".join(rows)
    )


PARTS: dict[str, Callable[[Any], str]] = {
    "rejax": rejax,
    "limit": limit,
    "laws": laws,
    "learning": lambda found: learning.table(BOOK, found),
}
