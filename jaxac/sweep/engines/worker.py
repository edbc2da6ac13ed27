"""A worker: a process on one core that runs the batches it is told, for the `Workers` engine.

    python -m jaxac.sweep.engines.worker DIR CORE [MODULE ...]

Reads one batch a line, as JSON, and answers with one JSON object a line: `compiling`, `training`,
`advanced`, `noted`, `failed`. It writes shards, checkpoints and the ledger itself. SIGTERM ends it
after the chunk that it is at. The modules are those of the user's own that the sweep names, which
the process that asks for the work has imported already.
"""

import functools
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from jaxac import modules
from jaxac.errors import JaxacError


def main(where: str, core: int, own: Sequence[str]) -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the sweep's own process decides what it means
    threading.Thread(target=_die_with, args=(os.getppid(),), daemon=True).start()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what others print must not come between
    if hasattr(os, "sched_setaffinity"):  # not on macOS
        os.sched_setaffinity(0, {core})  # before jax makes its threads
    try:
        modules.load(own)
        _serve(where, answers)
    except JaxacError as error:
        _tell(answers, failed=str(error))


def _serve(where: str, answers: TextIO) -> None:
    from jaxac.store.rundir import RunDirectory
    from jaxac.sweep import cache, held
    from jaxac.sweep.batches import Batch
    from jaxac.sweep.engines.executor import Executor

    cache.enable()
    directory = RunDirectory.open(Path(where), writing=True, locked=False)
    noted = functools.partial(_say, answers)
    executor, stopping = Executor(held.plan(directory), directory, noted), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    for line in sys.stdin:
        batch = Batch.from_json(json.loads(line))
        if not executor.compiled(batch):
            _tell(answers, compiling=batch.id)
            executor.program(batch)
        _tell(answers, training=batch.id)
        for told in executor.run(batch):
            metrics = {k: told.metrics[k].tolist() for k in ("finite", "eval_return")}
            kept = {"chunk": told.chunk, "seconds": told.seconds, "ended": told.ended}
            _tell(answers, advanced=batch.id, metrics=metrics, **kept)
            if stopping.is_set():
                return


def _die_with(parent: int) -> None:
    """End this process, at whatever it is, when the sweep that it works for has been killed."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _say(answers: TextIO, text: str) -> None:
    _tell(answers, noted=text)


def _tell(answers: TextIO, **what: Any) -> None:
    answers.write(json.dumps(what) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
