"""kill -9 at random instants: of a sweep, of its workers' parent, and of eight writers at once."""

import functools
import multiprocessing as mp
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

import jaxac
from jaxac.store import rundir
from jaxac.store.ledger import RunRow
from jaxac.store.rundir import RunDirectory, read_rows
from jaxac.store.verify import verify
from jaxac.sweep.progress import Quiet

from .ground import SWEEPS, acknowledged, bases, draws, outcome

KILL, WRITE = 10, 11
WRITERS, CHUNKS = 8, 10**6


class Telling(Quiet):
    """Tells of every acknowledged chunk through a pipe, then waits a little, so that kills hit."""

    def __init__(self, pipe: Connection, pause: float):
        self.pipe, self.pause = pipe, pause

    def advanced(self, facts, told):
        self.pipe.send((told.batch.id, told.chunk))
        time.sleep(self.pause)


def sweeping(name: str, out: str, pipe: Connection, pause: float, workers: int) -> None:
    """What the process does that is killed."""
    pipe.send("begun")
    jaxac.run(SWEEPS[name], out, Telling(pipe, pause), workers)
    pipe.send("done")


@functools.cache
def forks():
    """Processes that are forked from one that has imported everything and computed nothing."""
    context = mp.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.preload"])
    return context


def kill(case: int, workers: int = 0) -> int:
    """Kill a sweep at a random instant, and resume it; how many chunks it had told of.

    Every one of those is there, once, and the final table is that of the undisturbed sweep. One
    case in four dies before its first chunk, while it plans, compiles and makes its directory.
    """
    rng = draws(KILL, case)
    name = ("everything", "halving")[case % 2]
    base = next(b for b in bases() if b.path.name == name)
    with tempfile.TemporaryDirectory(prefix="kill-") as folder:
        out = Path(folder) / "run"
        mine, process = _begin(name, out, 0.01, workers)
        told: set[tuple[int, int]] = set()
        if case % 4 == 0:
            time.sleep(rng.uniform(0, 1.5))
        else:
            for _ in range(rng.integers(1, len(acknowledged(base.path)))):
                told.add(mine.recv())
            time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.join()
        told |= _told(mine)
        there = acknowledged(out) if rundir.is_run_directory(out) else set()
        assert there >= told, f"lost: {sorted(told - there)}"
        assert outcome(jaxac.run(base.sweep, out, Quiet(), workers=0)) == base.final
        assert verify(out).problems == []
    return len(told)


def _begin(name: str, out: Path, pause: float, workers: int):
    mine, theirs = mp.Pipe(duplex=False)
    process = forks().Process(target=sweeping, args=(name, str(out), theirs, pause, workers))
    process.start()
    theirs.close()
    assert mine.recv() == "begun"
    return mine, process


def _told(pipe: Connection) -> set[tuple[int, int]]:
    """What a process told of before it died."""
    found = set()
    try:
        while pipe.poll():
            if (told := pipe.recv()) != "done":
                found.add(told)
    except EOFError:
        pass
    return found


def writing(path: str, batch: int, pipe: Connection) -> None:
    """A writer: one chunk of its batch after another, for ever."""
    directory = RunDirectory.open(Path(path), writing=True, locked=False)
    chunk = next(iter(directory.missing(batch, 0, CHUNKS)))
    metrics = {"finite": np.ones(1), "eval_return": np.ones(1)}
    while True:
        runs, state = [batch], bytes(100)
        directory.acknowledge(
            batch, chunk, chunk, 0.1, runs, metrics, state, {batch: "running"}, {}
        )
        pipe.send(chunk)
        chunk += 1


def kill_writers(kills: int, seed: int = 0) -> int:
    """Eight processes write one directory; each is killed `kills` times and begins again.

    No acknowledged row is lost or doubled. Returns how many rows were acknowledged.
    """
    with tempfile.TemporaryDirectory(prefix="writers-") as folder:
        path = Path(folder) / "run"
        rows = [RunRow(n, 0, n, "pending") for n in range(WRITERS)]
        directory = RunDirectory.create(path, {}, rows)
        directory.ledger.add_leg({}, {n: {"runs": [n]} for n in range(WRITERS)})
        told: dict[int, set[int]] = {n: set() for n in range(WRITERS)}
        alive = {n: _write(path, n) for n in range(WRITERS)}
        rng = draws(WRITE, seed)
        left = dict.fromkeys(range(WRITERS), kills)
        while left:
            time.sleep(rng.uniform(0, 0.1))
            n = int(rng.choice(sorted(left)))
            pipe, process = alive[n]
            if not pipe.poll(10.0):
                raise AssertionError(f"writer {n} writes nothing")
            process.kill()
            process.join()
            told[n] |= _told(pipe)
            left[n] -= 1
            if left[n]:
                alive[n] = _write(path, n)
            else:
                del left[n]
        found = {n: [c.chunk for c in directory.ledger.chunks_of(n)] for n in range(WRITERS)}
        for n, chunks in found.items():
            assert chunks == list(range(len(chunks))), f"writer {n}: a chunk is missing"
            assert set(chunks) >= told[n], f"writer {n} lost what it had acknowledged"
            assert len(chunks) <= len(told[n]) + kills, "only what was under way is not told of"
        tables = [table for _, table in read_rows(path, directory.ledger.chunks())]
        assert sum(map(len, tables)) == sum(map(len, found.values())), "a row is doubled or lost"
        directory.close()
        assert verify(path).problems == []
    return sum(map(len, found.values()))


def _write(path: Path, batch: int):
    mine, theirs = mp.Pipe(duplex=False)
    process = forks().Process(target=writing, args=(str(path), batch, theirs))
    process.start()
    theirs.close()
    return mine, process
