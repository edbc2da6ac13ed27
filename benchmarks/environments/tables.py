"""The measured table of docs/environments.md, from the results file alone."""

import json
import math
from pathlib import Path
from typing import Any

from benchmarks import record

RESULTS = record.RESULTS / "environments.json"
PAGE = Path(__file__).parents[2] / "docs" / "environments.md"
BEGIN = "<!-- measured: written by `python -m benchmarks.environments tables` -->"
END = "<!-- end of measured -->"
HEAD = (
    "| environment | observations | actions | episode limit | largest difference from the "
    "original: obs, reward, flags | env steps/s here | ratio to the suite's own rollout |",
    "| --- | --- | --- | ---: | --- | ---: | --- |",
)


def table(results: dict[str, Any]) -> str:
    """One row an environment."""
    return "\n".join([*HEAD, *(_row(name, found) for name, found in results.items())])


def _row(name: str, found: dict[str, Any]) -> str:
    facts, apart, speed = (found.get(k, {}) for k in ("facts", "compare", "speed"))
    shown = "not measured"
    if apart:
        shown = f"{_short(apart['obs'])}, {_short(apart['reward'])}, {apart['flags']}"
    rate, ratio = "", ""
    if speed:
        rate = f"{speed['ours_per_second']:,} ({speed['num_envs']} envs)"
        ratio = f"{speed['ratio']:.2f} ({speed['ratio_min']:.2f} to {speed['ratio_max']:.2f})"
    return (
        f"| `{name}` | {facts.get('observations', '')} | {facts.get('actions', '')} | "
        f"{facts.get('time limit', '')} | {shown} | {rate} | {ratio} |"
    )


def _short(x: float) -> str:
    return "nan" if math.isnan(x) else "0" if x == 0 else f"{x:.0e}".replace("e-0", "e-")


def page(text: str, results: dict[str, Any]) -> str:
    """`text` with what stands between the two marks replaced by the table."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(results)}\n\n{END}{after}"


def write() -> None:
    """Bring docs/environments.md up to date."""
    PAGE.write_text(page(PAGE.read_text(), json.loads(RESULTS.read_text())["results"]))
