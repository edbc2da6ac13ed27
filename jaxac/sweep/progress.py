"""What a person sees while a sweep runs: a live bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from rich import live
from rich.console import Console, Group
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from jaxac.report import stats
from jaxac.sweep import plan as planning
from jaxac.sweep.plan import Batch, Plan

Metrics = Mapping[str, np.ndarray]
"""Metrics of a batch's runs, [runs]."""


class Reporter(Protocol):
    """Where the engine tells of its steps."""

    def planned(self, plan: Plan, where: str) -> None:
        """The sweep begins (or goes on) in the directory `where`."""
        ...

    def noted(self, text: str) -> None:
        """Something that a person should know, once."""
        ...

    def compiling(self, group: planning.Group) -> None:
        """A group's program is being compiled."""
        ...

    def found(self, batch: Batch, chunks_done: int, metrics: Metrics | None) -> None:
        """That many chunks of a batch are on disk already; `metrics` are the last one's."""
        ...

    def training(self, batch: Batch) -> None:
        """A batch begins to train."""
        ...

    def advanced(self, batch: Batch, chunks_done: int, metrics: Metrics) -> None:
        """A chunk was acknowledged, the batch's `chunks_done`-th."""
        ...

    def ended(self) -> None:
        """Nothing more will be told, whether the sweep is complete or not."""
        ...


class Quiet:
    """Says nothing."""

    def planned(self, plan, where):
        pass

    def noted(self, text):
        pass

    def compiling(self, group):
        pass

    def found(self, batch, chunks_done, metrics):
        pass

    def training(self, batch):
        pass

    def advanced(self, batch, chunks_done, metrics):
        pass

    def ended(self):
        pass


class Tally:
    """Counts behind a display: env steps, rate, runs done, and the best configuration so far."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.steps = {batch.id: 0 for batch in plan.batches}
        self.fresh_steps = 0  # trained by this process
        self.training_since = 0.0
        self.training_seconds = 0.0
        self.runs_done = 0
        self.diverged: set[int] = set()
        self.scores: dict[int, float] = {}

    def training(self) -> None:
        """Training time counts from here; compilation does not."""
        self.training_since = time.monotonic()

    def advanced(self, batch: Batch, chunks_done: int, metrics: Metrics) -> None:
        """Take into account a chunk that was trained now."""
        now = time.monotonic()
        self.training_seconds += now - self.training_since
        self.training_since = now
        before = self.steps[batch.id]
        self.found(batch, chunks_done, metrics)
        self.fresh_steps += self.steps[batch.id] - before

    def found(self, batch: Batch, chunks_done: int, metrics: Metrics | None) -> None:
        """Take into account what is on disk."""
        group = self.plan.groups[batch.group]
        self.steps[batch.id] = len(batch.runs) * chunks_done * group.env_steps
        if chunks_done == group.num_chunks:
            self.runs_done += len(batch.runs)
        if metrics is None:
            return
        columns = batch.runs, metrics["finite"], metrics["eval_return"]
        for run, finite, score in zip(*columns, strict=True):
            if not (finite and np.isfinite(score)):
                self.diverged.add(run.id)
            self.scores[run.id] = score
        self.scores = {k: v for k, v in self.scores.items() if k not in self.diverged}

    @property
    def total(self) -> int:
        """Env steps done, over all runs."""
        return sum(self.steps.values())

    @property
    def rate(self) -> float:
        """Env steps per second of training, compilation left out."""
        return self.fresh_steps / self.training_seconds if self.training_seconds else 0.0

    def best(self) -> tuple[int, float] | None:
        """The configuration with the highest interquartile mean of its runs' latest returns."""
        by_config: dict[int, list[float]] = {}
        seeds = len(self.plan.sweep.seed_list)
        for run, score in self.scores.items():
            by_config.setdefault(run // seeds, []).append(score)
        scores = {c: float(stats.iqm(x)) for c, x in by_config.items()}
        return max(scores.items(), key=lambda item: item[1]) if scores else None

    def words(self) -> str:
        """Runs done and diverged, rate, time left."""
        parts = [f"{self.runs_done}/{self.plan.num_runs} runs"]
        if self.diverged:
            parts.append(f"{len(self.diverged)} diverged")
        if self.rate:
            left = (self.plan.env_steps - self.total) / self.rate
            parts += [f"{si(self.rate)} env steps/s", f"{clock(left)} left"]
        return "  ".join(parts)

    def best_words(self) -> str:
        """The best configuration so far, or nothing before the first evaluation."""
        best = self.best()
        if best is None:
            return ""
        config, score = best
        return f"best {score:.4g}{describe(self.plan.configs[config].swept, '  ')}"


class Live:
    """A bar that moves, with the best configuration below it; for terminals and notebooks."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console()

    def planned(self, plan, where):
        self.tally = Tally(plan)
        self.console.print(headline(plan, where), highlight=False)
        self.bar = Progress(
            BarColumn(24), TextColumn("{task.percentage:>3.0f}%"), TextColumn("{task.description}")
        )
        self.task = self.bar.add_task("starting", total=plan.env_steps)
        self.display = live.Live(self.bar, console=self.console, transient=True)
        self.display.start()

    def noted(self, text):
        self.console.print(text, highlight=False)

    def compiling(self, group):
        self._show(f"compiling group {group.id + 1}/{len(self.tally.plan.groups)}")

    def found(self, batch, chunks_done, metrics):
        self.tally.found(batch, chunks_done, metrics)
        self._show("")

    def training(self, batch):
        self.tally.training()

    def advanced(self, batch, chunks_done, metrics):
        self.tally.advanced(batch, chunks_done, metrics)
        self._show("")

    def _show(self, doing):
        words = "  ".join(filter(None, [doing, self.tally.words()]))
        self.bar.update(self.task, completed=self.tally.total, description=words)
        best = Text(self.tally.best_words(), overflow="ellipsis", no_wrap=True)
        self.display.update(Group(self.bar, best))

    def ended(self):
        self.display.stop()


class Plain:
    """A line every few seconds, for logs."""

    def __init__(self, interval: float = 10.0, console: Console | None = None):
        self.interval = interval
        self.console = console or Console(soft_wrap=True)

    def planned(self, plan, where):
        self.tally, self.last = Tally(plan), 0.0
        self.console.print(headline(plan, where), highlight=False)

    def noted(self, text):
        self.console.print(text, highlight=False)

    def compiling(self, group):
        pass

    def found(self, batch, chunks_done, metrics):
        self.tally.found(batch, chunks_done, metrics)

    def training(self, batch):
        self.tally.training()

    def advanced(self, batch, chunks_done, metrics):
        self.tally.advanced(batch, chunks_done, metrics)
        now = time.monotonic()
        if now - self.last >= self.interval or self.tally.runs_done == self.tally.plan.num_runs:
            self.last = now
            share = 100.0 * self.tally.total / self.tally.plan.env_steps
            words = f"{share:3.0f}%  {self.tally.words()}  {self.tally.best_words()}"
            self.console.print(words, highlight=False)

    def ended(self):
        pass


def default() -> Reporter:
    """A live bar on a terminal or in a notebook, plain lines elsewhere."""
    console = Console()
    return Live(console) if console.is_terminal or console.is_jupyter else Plain()


def headline(plan: Plan, where: str) -> str:
    """What is about to run, and where its results go."""
    sweep = plan.sweep
    seeds = len(sweep.seed_list)
    return (
        f"{sweep.algorithm} on {sweep.env}: {len(plan.configs)} "
        f"configuration{'s'[: len(plan.configs) != 1]} x {seeds} seed{'s'[: seeds != 1]}, "
        f"{si(plan.env_steps)} env steps in all, {len(plan.groups)} "
        f"program{'s'[: len(plan.groups) != 1]} -> {where}"
    )


def describe(swept: Mapping[str, Any], before: str = "") -> str:
    """Swept values in short: `learning_rate=0.0012 net.hidden=[64, 64]`."""
    words = [f"{k}={v:.3g}" if isinstance(v, float) else f"{k}={v}" for k, v in swept.items()]
    return before + " ".join(words) if words else ""


def si(x: float) -> str:
    """A number with three digits and an SI prefix: 6.55M."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if x >= factor:
            return f"{x / factor:.3g}{prefix}"
    return f"{x:.3g}"


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}h{minutes % 60:02d}m" if minutes >= 60 else f"{minutes}m{rest:02d}s"
