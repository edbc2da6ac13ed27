"""What methods learn, each by the very command that users type."""

import fnmatch
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxac import config, registry
from jaxac.report import stats

SEEDS = 5
JAXAC = (sys.executable, "-m", "jaxac.cli.main")


class Task(NamedTuple):
    """An environment, how long it is learned, and what all its methods have in common.

    `patterns` set every hyper-parameter of a method whose name matches.
    """

    env: str
    total_steps: int
    patterns: dict[str, Any]
    about: str
    digits: int = 1  # of returns, after the point


class Row(NamedTuple):
    """A method on a task; `parent` is the row of the task that it is compared with."""

    task: str
    name: str
    algorithm: str
    parent: str = ""
    changes: dict[str, Any] = {}  # noqa: RUF012  # never written to
    least: float | None = None  # promised mean of the returns


class Book(NamedTuple):
    """What is measured, and in what order it is shown."""

    tasks: dict[str, Task]
    rows: list[Row]


def chosen(book: Book, words: Sequence[str]) -> list[Row]:
    """The rows of some tasks or algorithms; all of them if none is named."""
    return [r for r in book.rows if not words or {r.task, r.algorithm, r.name} & set(words)]


def measured(book: Book, words: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Each row's command and its returns, as soon as they are there."""
    for row in chosen(book, words):
        task = book.tasks[row.task]
        train = ["train", row.algorithm, "--env", task.env, "--total-steps", str(task.total_steps)]
        train += ["--seeds", str(SEEDS), "--eval-episodes", "100", *flags(book, row), "--json"]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [*JAXAC, *train, "--quiet", "--out", f"{folder}/run"],
                capture_output=True,
                text=True,
            )
        if done.returncode:
            raise SystemExit(f"{shlex.join(['jaxac', *train])}\n{done.stderr}")
        returns = json.loads(done.stdout.splitlines()[-1])["returns"]
        found = {"task": row.task, "name": row.name, "command": shlex.join(["jaxac", *train])}
        yield {**found, "returns": [round(float(x), 2) for x in returns]}


def merged(
    book: Book, before: Sequence[dict[str, Any]], row: dict[str, Any]
) -> list[dict[str, Any]]:
    """The rows with one more, or with it in place of its older self, in the order of the tasks."""
    held = {(r["task"], r["name"]): r for r in [*before, row]}
    return [held[key] for r in book.rows if (key := (r.task, r.name)) in held]


def table(book: Book, found: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown, a table for each task."""
    returns = {(r["task"], r["name"]): np.asarray(r["returns"], float) for r in found}
    parts = []
    for task, about in book.tasks.items():
        rows = [r for r in book.rows if r.task == task and (task, r.name) in returns]
        if not rows:
            continue
        parts.append(
            f"{about.env}, {about.total_steps:,} steps of each seed, {about.about}:\n\n"
            "| method | mean return | IQM | 95% interval | worst seed | against | difference of "
            "means |\n| --- | ---: | ---: | --- | ---: | --- | --- |"
        )
        parts[-1] += "".join(f"\n{line(r, returns, about.digits)}" for r in rows)
    return "\n\n".join(parts)


def line(row: Row, returns: dict[tuple[str, str], np.ndarray], digits: int) -> str:
    """A row of the table; the difference says if the two intervals of means leave a doubt."""
    own = returns[row.task, row.name]
    low, high = (f"{x:.{digits}f}" for x in stats.bootstrap_interval(own))
    mean, iqm, worst = (f"{x:.{digits}f}" for x in (own.mean(), stats.iqm(own), own.min()))
    cells = [row.name, mean, iqm, f"{low} to {high}", worst, "", ""]
    if row.parent and (row.task, row.parent) in returns:
        cells[-2:] = row.parent, difference(own, returns[row.task, row.parent], digits)
    return "| " + " | ".join(cells) + " |"


def difference(own: np.ndarray, parent: np.ndarray, digits: int) -> str:
    """Own mean less the parent's with its bootstrap interval, runs drawn apart."""
    rng, num = np.random.default_rng(0), 5_000
    means = [x[rng.integers(len(x), size=(num, len(x)))].mean(1) for x in (own, parent)]
    low, high = np.quantile(means[0] - means[1], (0.025, 0.975))
    said = "better" if low > 0 else "worse" if high < 0 else "no difference seen"
    by, low, high = (f"{x:+.{digits}f}" for x in (own.mean() - parent.mean(), low, high))
    return f"{by} ({low} to {high}): {said}"


def kept(book: Book, found: Sequence[dict[str, Any]]) -> list[str]:
    """The promises that the rows break."""
    means = {(r["task"], r["name"]): float(np.mean(r["returns"])) for r in found}
    return [
        f"{r.name} on {book.tasks[r.task].env}: {means[r.task, r.name]:.1f}, promised {r.least:g}"
        for r in book.rows
        if r.least is not None and means.get((r.task, r.name), np.inf) < r.least
    ]


def flags(book: Book, row: Row) -> list[str]:
    """The words that set what the task and the row ask for."""
    paths = [field.path for field in config.fields(registry.defaults(row.algorithm))]
    found = {
        path: value
        for pattern, value in book.tasks[row.task].patterns.items()
        for path in fnmatch.filter(paths, pattern)
        if not any(path.startswith(f"{changed}.") for changed in row.changes)
    }
    return [
        word
        for path, value in {**found, **row.changes}.items()
        for word in (f"--{path.replace('_', '-')}", toml(value))
    ]


def toml(value: Any) -> str:
    """A value as it is written in TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {toml(v)}" for k, v in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) else str(value)
