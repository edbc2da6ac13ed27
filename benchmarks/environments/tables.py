"""The measured tables of docs/environments.md, from the results file alone."""

import json
import math
from pathlib import Path
from typing import Any

from benchmarks import marked, record

RESULTS = record.RESULTS / "environments.json"
PAGE = Path(__file__).parents[2] / "docs" / "environments.md"
COMMAND = "python -m benchmarks.environments tables"
EACH = (
    "| environment | observations | actions | episode limit | from the suite's own API | "
    "from gymnasium | env steps/s (N) | ratio to the suite's own rollout |",
    "| --- | --- | --- | ---: | --- | --- | ---: | --- |",
)
PLANS = (
    "| environment | N | resets/s | `EveryStep` | `WhenNeeded` | `Pool` |",
    "| --- | ---: | ---: | ---: | ---: | ---: |",
)


def shown(whole: dict[str, Any]) -> str:
    """Both tables, and what they were measured on."""
    results, machine = whole["results"], whole["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in whole["versions"].items() if k.startswith("jax"))
    where = f"Measured on {machine['cores']} cores, {versions}: {_processors(results)}."
    each = [*EACH, *(_row(name, found) for name, found in results.items())]
    tried = [_plan_row(name, found) for name, found in results.items() if "resets" in found]
    size = next((f["resets"]["pool"] for f in results.values() if "resets" in f), 0)
    words = (
        f"Env steps/s by plan of [resets](#resets), with a pool of {size}. A plan that can hang "
        "was not run: [why](install.md#a-known-hang-on-cpus-and-what-jaxac-does)."
    )
    return "\n".join([where, "", *each, "", words, "", *PLANS, *tried])


def _processors(results: dict[str, Any]) -> str:
    """On which processor which rows were measured, those of the commonest last."""
    by: dict[str, list[str]] = {}
    for name, found in results.items():
        by.setdefault(found["cpu"], []).append(f"`{name}`")
    *few, (commonest, _) = sorted(by.items(), key=lambda x: len(x[1]))
    rows = [f"{', '.join(names)} on {cpu}" for cpu, names in few]
    return "; ".join([*rows, f"the {'rest' if few else 'rows'} on {commonest}"])


def _row(name: str, found: dict[str, Any]) -> str:
    facts, apart, speed = found["facts"], found.get("compare", {}), found.get("speed", {})
    rate, ratio = "", ""
    if speed:
        rate = f"{speed['ours_per_second']:,} ({speed['num_envs']})"
    if "ratio" in speed:
        ratio = f"{speed['ratio']:.2f} ({speed['ratio_min']:.2f} to {speed['ratio_max']:.2f})"
    agents = f" each of {facts['agents']} agents" if facts["agents"] else ""
    return (
        f"| `{name}` | {facts['observations']}{agents} | {facts['actions']} | "
        f"{facts['time limit']} | {_apart(apart.get('suite'))} | "
        f"{_apart(apart.get('gymnasium'))} | {rate} | {ratio} |"
    )


def _apart(found: dict[str, Any] | None) -> str:
    if not found:
        return ""
    worst = f"{_short(found['obs'])}, {_short(found['reward'])}, {found['flags']}"
    if "obs_median" in found:
        worst += f"; median {_short(found['obs_median'])}, {_short(found['reward_median'])}"
    few = found["transitions"] < 1000
    return f"{worst} ({found['transitions']} transitions)" if few else worst


def _plan_row(name: str, found: dict[str, Any]) -> str:
    rates = found["resets"]
    cells = [rates[k] for k in ("resets", "EveryStep", "WhenNeeded", "Pool")]
    words = " | ".join(_rate(x) for x in cells)
    return f"| `{name}` | {rates['num_envs']} | {words} |"


def _rate(x: int | None) -> str:
    """A rate in words; beyond any machine's, XLA has left the work out, as it needs no key."""
    return "can hang" if x is None else "constant" if x > 10**9 else f"{x:,}"


def _short(x: float) -> str:
    return "nan" if math.isnan(x) else "0" if x == 0 else f"{x:.0e}".replace("e-0", "e-")


def page(text: str, whole: dict[str, Any]) -> str:
    """`text` with the tables in their place."""
    return marked.page(text, COMMAND, shown(whole))


def write() -> None:
    """Bring docs/environments.md up to date."""
    marked.write(PAGE, COMMAND, shown(json.loads(RESULTS.read_text())))
