"""The inline engine: this process, its default device, one lane batch after another."""

from collections.abc import Iterator, Sequence

from jaxac.store.rundir import RunDirectory
from jaxac.sweep.batches import Batch
from jaxac.sweep.engines.executor import Executor
from jaxac.sweep.engines.role import Advanced
from jaxac.sweep.plan import Plan
from jaxac.sweep.progress import Reporter


class Inline:
    """Advances the first batch that is not at its end."""

    slots = 1

    def __init__(self, plan: Plan, directory: RunDirectory, progress: Reporter):
        self._executor, self._progress = Executor(plan, directory, progress.noted), progress
        self._batch: Batch | None = None
        self._chunks: Iterator[Advanced] = iter(())

    def next(self, batches: Sequence[Batch]) -> Advanced:
        """One chunk of the first batch."""
        if batches[0] != self._batch:
            self._batch = batches[0]
            if not self._executor.compiled(self._batch):
                self._progress.compiling(self._batch)
                self._executor.program(self._batch)
            self._progress.training(self._batch)
            self._chunks = self._executor.run(self._batch)
        return next(self._chunks)

    def drain(self) -> bool:
        """Nothing is under way between two calls."""
        return False

    def close(self) -> None:
        """Nothing runs between two calls."""
