"""The table of docs/durability.md."""

import json
from pathlib import Path
from typing import Any

from benchmarks import marked, record

RESULTS = record.RESULTS / "faults.json"
PAGE = Path(__file__).parents[2] / "docs/durability.md"
COMMAND = "python -m benchmarks.faults tables"
WORDS = {
    "kill": "kill -9 at a random instant of a sweep, then resume",
    "workers": "the same with two workers, whose parent is killed",
    "flip": "one bit flipped in any file of a run directory",
    "cut": "any file cut off anywhere",
    "tear": "the last writes of a killed process half done",
    "full": "disk full at every place where a sweep writes (injected)",
    "small": "a mounted disk that is too small, later larger",
    "writers": "8 writers of one directory, 30 kills each",
    "words": "damaged sweeps, files, flags and configurations",
    "prepared": "run directories and sweep files that mean harm",
    "lanes": "NaN and infinite lanes (64 x 10; tests of the sweep engine)",
    "memory": "out of memory at compilation, first chunk, later chunk",
    "cuts": "every registered algorithm resumed at 5 cut points",
}


def results() -> dict[str, Any]:
    """What was found so far."""
    return json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else {}


def shown() -> str:
    """The table."""
    rows = ["| fault | cases | failed | found |", "|---|---|---|---|"]
    for name, found in results().items():
        rest = {k: v for k, v in found.items() if k not in ("cases", "failed", "seconds")}
        words = ", ".join(f"{v:,} {k}" for k, v in rest.items())
        rows.append(f"| {WORDS[name]} | {found['cases']:,} | {len(found['failed'])} | {words} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page with the table in its place."""
    return marked.page(text, COMMAND, shown())


def write() -> None:
    """Bring the page up to date."""
    PAGE.write_text(page(PAGE.read_text()))
