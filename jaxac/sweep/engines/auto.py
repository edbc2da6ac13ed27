"""The engine that a CPU begins with: this process, then one worker a core where that pays."""

import statistics
from collections.abc import Sequence

from jaxac.store.rundir import RunDirectory
from jaxac.sweep import device, held
from jaxac.sweep.batches import Batch
from jaxac.sweep.engines.inline import Inline
from jaxac.sweep.engines.role import Advanced, Engine
from jaxac.sweep.engines.workers import Workers
from jaxac.sweep.plan import Group, Plan
from jaxac.sweep.progress import Reporter

START = 10.0  # seconds until workers train: they import jax and load their programs
GAIN = 1.25  # what they can be hoped to gain
LOOKS = 2  # chunks that an engine is judged by


class Auto:
    """Goes over to workers if that saves time, and back if it turns out that it does not.

    Every chunk is durable and no number depends on where it is trained, so it may change between
    any two: what is lost is a chunk that is under way.
    """

    def __init__(self, plan: Plan, directory: RunDirectory, progress: Reporter):
        self._made_of = plan, directory, progress
        self._plan, self._directory, self._progress = self._made_of
        self._engine: Engine = Inline(*self._made_of)
        self._rates: list[float] = []  # env steps per second of a batch, chunk by chunk
        self._alone: float | None = None  # env steps per second of this process, once it is left

    @property
    def slots(self) -> int:
        """Batches that run at a time."""
        return self._engine.slots

    def next(self, batches: Sequence[Batch]) -> Advanced:
        """The next chunk, wherever it is trained."""
        self._choose(batches)
        told = self._engine.next(batches)
        steps = len(told.batch.runs) * self._group(told.batch).env_steps
        self._rates.append(steps / told.seconds)
        return told

    def _choose(self, batches: Sequence[Batch]) -> None:
        if len(self._rates) < LOOKS * self.slots:
            return
        if self._alone is None and self._pays(batches):
            self._alone = self._rate()
            count = min(len(device.cores()), len(batches))
            self._change(Workers(*self._made_of, count))
            self._progress.noted(f"{count} worker processes take over: more runs at a time")
        elif self._alone is not None and self.slots > 1 and self._rate() < self._alone:
            self._change(Inline(*self._made_of))
            self._progress.noted("the worker processes were slower than one: back to that")

    def _pays(self, batches: Sequence[Batch]) -> bool:
        """Whether what workers save of the time that is left is more than they take to start."""
        if min(len(device.cores()), len(batches)) < 2:
            return False
        steps = 0
        for batch in batches:
            chunks = len(self._directory.missing(batch.id, batch.first, batch.until))
            steps += chunks * len(batch.runs) * self._group(batch).env_steps
        return steps / self._rate() * (1.0 - 1.0 / GAIN) > START

    def _group(self, batch: Batch) -> Group:
        """The group of a batch, which may have been proposed since the sweep began."""
        if batch.group >= len(self._plan.groups):
            self._plan = held.plan(self._directory)
        return self._plan.groups[batch.group]

    def _rate(self) -> float:
        """Env steps per second of all that run at a time."""
        return self.slots * statistics.median(self._rates[-LOOKS * self.slots :])

    def _change(self, engine: Engine) -> None:
        self._engine.close()
        self._engine, self._rates = engine, []

    def drain(self) -> bool:
        """Begin no chunk any more; whether one is under way."""
        return self._engine.drain()

    def close(self) -> None:
        """Stop what is under way."""
        self._engine.close()
