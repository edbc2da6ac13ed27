"""The workers engine: processes pinned one to a core, each with a batch of its own."""

import contextlib
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from multiprocessing import connection
from typing import IO, Any

import numpy as np

from jaxac.errors import SweepError
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import device
from jaxac.sweep.batches import Batch
from jaxac.sweep.engines.role import Advanced
from jaxac.sweep.plan import Plan
from jaxac.sweep.progress import Reporter
from jaxac.sweep.spec import own_modules

TRIES = 3  # deaths of a batch's worker before the sweep gives up
LINES = 12  # of a dead worker's last words


@dataclasses.dataclass
class Worker:
    """A process and the batch that it runs."""

    process: subprocess.Popen
    tell: IO[bytes]
    answers: IO[bytes]
    errors: IO[bytes]
    core: int
    batch: Batch | None = None


class Workers:
    """One worker for each of `count` cores; a batch whose worker dies goes on in another."""

    def __init__(self, plan: Plan, directory: RunDirectory, progress: Reporter, count: int):
        cores = itertools.cycle(device.cores())
        chosen = [core for _, core in zip(range(count), cores, strict=False)]
        self.slots = count
        self._directory, self._progress = directory, progress
        self._modules = own_modules(plan.sweep.to_json())
        self._workers = [self._launch(core) for core in chosen]
        self._deaths: dict[int, int] = {}
        self._draining = False

    def next(self, batches: Sequence[Batch]) -> Advanced:
        """Hand batches to idle workers, and wait for the next chunk of any."""
        while any(w.batch for w in self._workers) or not self._draining:
            if not self._draining:
                self._assign(batches)
            ready = connection.wait([w.answers.fileno() for w in self._workers if w.batch])
            for worker in self._workers:
                if worker.answers.fileno() in ready and (told := self._listen(worker)):
                    return told
        raise KeyboardInterrupt

    def _assign(self, batches: Sequence[Batch]) -> None:
        taken = {w.batch.id for w in self._workers if w.batch}
        waiting = [batch for batch in batches if batch.id not in taken]
        for worker, batch in zip([w for w in self._workers if not w.batch], waiting, strict=False):
            worker.batch = batch
            with contextlib.suppress(BrokenPipeError):  # it died; reading from it will tell
                worker.tell.write(json.dumps(batch.to_json()).encode() + b"\n")
                worker.tell.flush()

    def _listen(self, worker: Worker) -> Advanced | None:
        line = worker.answers.readline()
        batch = worker.batch
        assert batch is not None
        if not line.endswith(b"\n"):  # nothing any more, or half of what it was about to say
            if self._draining:
                worker.batch = None  # it stopped after a chunk; whatever it told is read by now
            else:
                self._died(worker, batch)
            return None
        told: dict[str, Any] = json.loads(line)
        if "failed" in told:
            raise SweepError(told["failed"])
        if "noted" in told:
            self._progress.noted(told["noted"])
        elif "compiling" in told:
            self._progress.compiling(batch)
        elif "training" in told:
            self._progress.training(batch)
        else:
            metrics = {k: np.asarray(x, np.float64) for k, x in told["metrics"].items()}
            found = Advanced(batch, told["chunk"], metrics, told["seconds"], told["ended"])
            worker.batch = None if found.ended else batch
            return found
        return None

    def drain(self) -> bool:
        """Tell the workers to stop after the chunk that they are at; whether any is at one."""
        if not self._draining:
            self._draining = True
            for worker in self._workers:
                worker.process.send_signal(signal.SIGTERM)
        return any(worker.batch for worker in self._workers)

    def _died(self, worker: Worker, batch: Batch) -> None:
        code = worker.process.wait()
        worker.errors.seek(0)
        last = b"".join(worker.errors.readlines()[-LINES:]).decode(errors="replace")
        self._deaths[batch.id] = self._deaths.get(batch.id, 0) + 1
        how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
        if self._deaths[batch.id] == TRIES:
            raise SweepError(
                f"the worker of batch {batch.id} {how}, {TRIES} times. `jaxac resume "
                f"{self._directory.path}` goes on from what is there. Its last words:\n{last}"
            )
        self._progress.noted(f"a worker {how}; its batch goes on in another from its last chunk")
        self._workers[self._workers.index(worker)] = self._launch(worker.core)

    def _launch(self, core: int) -> Worker:
        errors = tempfile.TemporaryFile()  # noqa: SIM115
        words = [sys.executable, "-m", "jaxac.sweep.engines.worker", str(self._directory.path)]
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        process = subprocess.Popen(
            [*words, str(core), *self._modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            bufsize=0,
            pass_fds=[] if self._directory.lock is None else [self._directory.lock],
            env={**os.environ, "PYTHONPATH": paths},
        )
        assert process.stdin is not None and process.stdout is not None
        return Worker(process, process.stdin, process.stdout, errors, core)

    def close(self) -> None:
        """Stop the workers; a chunk that is under way is lost."""
        for worker in self._workers:
            if worker.batch:
                worker.process.kill()
            with contextlib.suppress(BrokenPipeError):
                worker.tell.close()
        for worker in self._workers:
            worker.process.wait()
            worker.answers.close()
            worker.errors.close()
