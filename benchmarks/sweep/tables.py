"""The measured part of docs/sweeps.md, from the results file alone."""

import json
from pathlib import Path
from typing import Any

from benchmarks import marked, record

RESULTS = record.RESULTS / "sweep.json"
PAGE = Path(__file__).parents[2] / "docs" / "sweeps.md"
COMMAND = "python -m benchmarks.sweep tables"


def shown(whole: dict[str, Any]) -> str:
    """What was measured, and on what."""
    results, machine = whole["results"], whole["machine"]
    versions = ", ".join(f"{k} {v}" for k, v in whole["versions"].items() if k.startswith("jax"))
    where = f"Measured on {machine['cores']} cores ({machine['cpu']}), {versions}."
    rows = [row for name, part in PARTS.items() if name in results for row in part(results[name])]
    table = ["| what | measured |", "| --- | --- |", *(f"| {a} | {b} |" for a, b in rows)]
    return "\n".join([where, "", *table, "", *_ways(results.get("ways", {}))]).strip()


def _ways(kinds: dict[str, Any]) -> list[str]:
    """Env steps per second by how many of 16 lanes advance at a time."""
    if not kinds:
        return []
    tiles = list(next(iter(kinds.values()))["alone"])
    head = f"| env steps/s with … of 16 lanes at a time | {' | '.join(tiles)} |"
    rows = [head, f"| --- |{' ---: |' * len(tiles)}"]
    for name, rates in kinds.items():
        for where in ("alone", "on each of 2 cores"):
            cells = [
                f"**{x:,}**" if int(tile) == rates["chosen"] else f"{x:,}"
                for tile, x in rates[where].items()
            ]
            rows.append(f"| {name}, a process {where} | {' | '.join(cells)} |")
    return [*rows, "", "What a sweep chooses is in bold."]


def _large(x: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            "128 configurations x 10 seeds x 100,000 steps of PPO on CartPole",
            f"{x['wall_s']:.0f} s, {x['env_steps_per_second']:,} env steps/s, at most "
            f"{x['peak_mib']:,.0f} MiB",
        ),
        (
            "of which outside chunks and their evaluations",
            f"{100 * x['share_between_chunks']:.1f}% of a batch's time is between its chunks; in "
            f"{x['wall_s'] - x['covered_s']:.1f} s nothing trained: {x['until_first_chunk_s']:.1f} "
            "s until the first chunk, the rest changing over to workers and drawing up results",
        ),
        (
            "saving states, beside the training of the next chunk",
            f"takes {100 * x['share_of_states']:.1f}% of the time that is spent in chunks",
        ),
    ]


def _overhead(x: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            f"all but training (ledger, metrics, checkpoints), 1,000 runs in batches of {name}",
            f"{found['ms_per_run_and_chunk']:.3f} ms per run and chunk",
        )
        for name, found in x.items()
    ]


def _many(x: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            "10,000 runs of 1,000 steps",
            f"planned in {x['plan_s']:.1f} s, {x['compiles']} compilations for {x['programs']} "
            f"programs, table opened in {x['table_s']:.2f} s",
        )
    ]


def _warm(x: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (
            "from the start of Python until the first chunk begins: no program compiled yet, then "
            "twice with those of the time before",
            ", ".join(f"{found['until_first_chunk_s']:.1f} s" for found in x.values()),
        )
    ]


def _halving(x: dict[str, Any]) -> list[tuple[str, str]]:
    full, half = x["Everything"], x["Halving"]
    return [
        (
            f"best of 64 configurations by {name}, on ten fresh seeds",
            f"IQM {found['reported_IQM']:.1f} ({found['reported_low']:.1f} to "
            f"{found['reported_high']:.1f}), {found['env_steps']:,} env steps",
        )
        for name, found in (("running everything", full), ("halving", half))
    ] + [
        (
            "halving beside running everything",
            f"{100 * x['share_of_env_steps']:.0f}% of the env steps; "
            f"{'within' if x['within_interval'] else 'outside'} its interval",
        )
    ]


PARTS = {
    "large": _large,
    "overhead": _overhead,
    "many": _many,
    "warm": _warm,
    "halving": _halving,
}


def page(text: str, whole: dict[str, Any]) -> str:
    """`text` with the measured part in its place."""
    return marked.page(text, COMMAND, shown(whole))


def write() -> None:
    """Bring docs/sweeps.md up to date."""
    marked.write(PAGE, COMMAND, shown(json.loads(RESULTS.read_text())))
