"""What all fault campaigns stand on: small sweeps, whole and dead, and what they must give."""

import contextlib
import dataclasses
import functools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import jaxac
from jaxac.report import tables
from jaxac.store.ledger import Ledger
from jaxac.store.recovery import LEDGER
from jaxac.sweep import lanes
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

WORDS = {
    "algorithm": "tests.sweep.tiny:RECORD",
    "env": "probe/ConstantReward",
    "total_steps": 80,
    "evaluations": 4,
    "seeds": 2,
    "sampler": "grid",
    "lanes": 4,
    "space": {"width": [2, 3], "learning_rate": [0.1, 0.2, 0.3]},
}
SWEEPS = {
    "everything": Sweep(**WORDS),
    "halving": Sweep(**WORDS, scheduler={"op": "Halving", "eta": 2, "rungs": 2}),
}


class Stop(Quiet):
    """Raises after some acknowledged chunks, in the middle of the sweep."""

    def __init__(self, chunks: int):
        self.left = chunks

    def advanced(self, facts, told):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("stopped")


class Notes(Quiet):
    """Keeps what a person is told."""

    def __init__(self):
        self.notes: list[str] = []

    def noted(self, text):
        self.notes.append(text)


@dataclasses.dataclass(frozen=True)
class Base:
    """A run directory to damage copies of, and what it shows."""

    path: Path
    sweep: Sweep
    shown: str
    final: str  # what the undisturbed sweep gives


@functools.cache
def bases() -> tuple[Base, ...]:
    """Of each sweep a directory that is whole, and two whose process died at some chunk.

    The dead ones are copied while their process holds them, so that the ledger's log is there.
    """
    folder = Path(tempfile.mkdtemp(prefix="faults-"))
    found = []
    for name, sweep in SWEEPS.items():
        whole = jaxac.run(sweep, folder / name, Quiet(), workers=0)
        final = outcome(whole)
        found.append(Base(whole.path, sweep, final, final))
        for chunks in (3, 11):
            path = folder / f"{name}-{chunks}"
            with contextlib.suppress(RuntimeError):
                jaxac.run(sweep, folder / "alive", Copying(path, chunks), workers=0)
            shutil.rmtree(folder / "alive")
            found.append(Base(path, sweep, outcome(jaxac.load(path)), final))
    return tuple(found)


class Copying(Stop):
    """Copies the directory at the moment of the death."""

    def __init__(self, to: Path, chunks: int):
        super().__init__(chunks)
        self.to = to

    def planned(self, plan, where):
        self.where = where.partition(" (")[0]

    def advanced(self, facts, told):
        if self.left == 1:
            shutil.copytree(self.where, self.to)
        super().advanced(facts, told)


def outcome(results) -> str:
    """All that a person reads of a sweep, as text."""
    return tables.render(results.table(), "csv") + results.frame().to_csv(index=False)


def acknowledged(path: Path) -> set[tuple[int, int]]:
    """The chunks that a ledger has."""
    ledger = Ledger.open(path / LEDGER, writing=False)
    found = {(c.batch, c.chunk) for c in ledger.chunks()}
    ledger.close()
    return found


def draws(campaign: int, case: int) -> np.random.Generator:
    """The random numbers of a case."""
    return np.random.default_rng([campaign, case])


@contextlib.contextmanager
def compiled_once() -> Iterator[None]:
    """Keep the few programs of these sweeps from case to case."""
    compile_program, kept = lanes.compile_program, {}

    def keeping(plan, group, width):
        key = (plan.sweep.hash, group.id, width)
        if key not in kept:
            kept[key] = compile_program(plan, group, width)
        return kept[key]

    lanes.compile_program = keeping
    try:
        yield
    finally:
        lanes.compile_program = compile_program
