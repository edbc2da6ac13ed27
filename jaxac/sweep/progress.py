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
from jaxac.sweep import device, spec
from jaxac.sweep.batches import Batch
from jaxac.sweep.engines.role import Advanced
from jaxac.sweep.facts import Facts
from jaxac.sweep.plan import Plan

REFRESH = 0.2  # seconds between two looks of a display


class Reporter(Protocol):
    """Where a sweep tells of its steps."""

    def planned(self, plan: Plan, where: str) -> None:
        """The sweep begins (or goes on) in the directory `where`."""
        ...

    def noted(self, text: str) -> None:
        """Something that a person should know, once."""
        ...

    def resumed(self, facts: Facts) -> None:
        """What is on disk already."""
        ...

    def compiling(self, batch: Batch) -> None:
        """The program of a batch is being compiled."""
        ...

    def training(self, batch: Batch) -> None:
        """A batch begins to train, or goes on."""
        ...

    def advanced(self, facts: Facts, told: Advanced) -> None:
        """A chunk was acknowledged; `facts` hold it."""
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

    def resumed(self, facts):
        pass

    def compiling(self, batch):
        pass

    def training(self, batch):
        pass

    def advanced(self, facts, told):
        pass

    def ended(self):
        pass


class Tally:
    """Counts behind a display: env steps, rate, runs done, and the best configuration so far."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.steps: dict[int, int] = {}  # of each run
        self.fresh_steps = 0  # trained by this process
        self.since: float | None = None  # when training began
        self.scores: dict[int, float] = {}
        self.decided = 0  # env steps that the scheduler has asked for so far
        self.training_now: dict[int, Batch] = {}

    def training(self, batch: Batch) -> None:
        """A batch trains; the first time, training time counts from here."""
        self.since = self.since or time.monotonic()
        self.training_now[batch.id] = batch

    def resumed(self, facts: Facts) -> None:
        """Take into account what is on disk."""
        self.plan = facts.plan
        for run in facts.scores:
            self._take(facts, run)
        self._count(facts)

    def advanced(self, facts: Facts, told: Advanced) -> None:
        """Take into account a chunk that was trained now."""
        self.plan = facts.plan
        before = self.total
        for run in told.batch.runs:
            self._take(facts, run)
        self.fresh_steps += self.total - before
        if told.ended:
            self.training_now.pop(told.batch.id, None)
        self._count(facts)

    def _take(self, facts: Facts, run: int) -> None:
        curve = facts.curve(run)
        self.steps[run] = len(curve) * self.plan.group_of[run].env_steps
        self.scores[run] = curve[-1]

    def _count(self, facts: Facts) -> None:
        ahead = sum(
            len(b.runs) * self.plan.groups[b.group].env_steps * b.until for b in facts.open.values()
        )
        there = sum(self.steps.get(run, 0) for run in facts.busy)
        self.decided = max(self.decided, self.total + ahead - there)

    @property
    def total(self) -> int:
        """Env steps done, over all runs."""
        return sum(self.steps.values())

    @property
    def rate(self) -> float:
        """Env steps per second since training began."""
        took = time.monotonic() - self.since if self.since else 0.0
        return self.fresh_steps / took if took else 0.0

    @property
    def runs_done(self) -> int:
        """Runs at the end of their training."""
        whole = {g.id: g.num_chunks * g.env_steps for g in self.plan.groups}
        return sum(n == whole[self.plan.group_of[run].id] for run, n in self.steps.items())

    @property
    def diverged(self) -> int:
        """Runs whose last score is no number."""
        return sum(self._lost(run) for run in self.scores)

    @property
    def live(self) -> int:
        """Lanes that train now and have not diverged."""
        return sum(not self._lost(run) for b in self.training_now.values() for run in b.runs)

    def _lost(self, run: int) -> bool:
        return not np.isfinite(self.scores.get(run, 0.0))

    def best(self) -> tuple[int, float] | None:
        """The configuration with the highest interquartile mean of its runs' latest returns."""
        by_config: dict[int, list[float]] = {}
        for run, score in self.scores.items():
            if np.isfinite(score):
                by_config.setdefault(self.plan.run(run).config, []).append(score)
        scores = {c: float(stats.iqm(x)) for c, x in by_config.items()}
        return max(scores.items(), key=lambda item: item[1]) if scores else None

    def words(self) -> str:
        """Runs done, training and diverged, rate, time left, memory in use."""
        runs = self.plan.num_configs * len(self.plan.sweep.seed_list)
        parts = [f"{self.runs_done}/{runs} runs"]
        if self.live:
            parts.append(f"{self.live} lane{'s'[: self.live != 1]}")
        if self.diverged:
            parts.append(f"{self.diverged} diverged")
        if self.rate:
            left = (self.decided - self.total) / self.rate
            parts += [f"{si(self.rate)} env steps/s", f"{clock(left)} left"]
        parts.append(f"{si(device.used_bytes())}B")
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
        self.shown = 0.0

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

    def resumed(self, facts):
        self.tally.resumed(facts)
        self._show("")

    def compiling(self, batch):
        self._show(f"compiling group {batch.group + 1}/{len(self.tally.plan.groups)}")

    def training(self, batch):
        self.tally.training(batch)

    def advanced(self, facts, told):
        self.tally.advanced(facts, told)
        if time.monotonic() - self.shown > REFRESH:
            self._show("")

    def _show(self, doing):
        self.shown = time.monotonic()
        words = "  ".join(filter(None, [doing, self.tally.words()]))
        total = self.tally.decided or self.tally.plan.env_steps
        self.bar.update(self.task, completed=self.tally.total, total=total, description=words)
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

    def resumed(self, facts):
        self.tally.resumed(facts)

    def compiling(self, batch):
        pass

    def training(self, batch):
        self.tally.training(batch)

    def advanced(self, facts, told):
        self.tally.advanced(facts, told)
        now = time.monotonic()
        if now - self.last >= self.interval or self.tally.total == self.tally.decided:
            self.last = now
            share = 100.0 * self.tally.total / self.tally.decided
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
        f"{spec.names(sweep.algorithm)} on {spec.names(sweep.env)}: {plan.num_configs} "
        f"configuration{'s'[: plan.num_configs != 1]} x {seeds} seed{'s'[: seeds != 1]}, "
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
