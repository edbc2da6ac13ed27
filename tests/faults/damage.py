"""Flipped bits, cut files and torn ends: each is named, or changes nothing that anybody reads."""

import os
import shutil
import tempfile
from pathlib import Path

import jaxac
from jaxac.errors import JaxacError
from jaxac.store.verify import verify

from .ground import Base, Notes, acknowledged, bases, draws, outcome

FLIP, CUT, TEAR = range(3)


def flip(case: int) -> str:
    """One bit of one file of a run directory; whether that was "detected" or "harmless"."""
    rng = draws(FLIP, case)
    with Copy(case) as (base, path):
        file = rng.choice(files(path))
        data = bytearray(file.read_bytes() or b"\0")
        data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        file.write_bytes(data)
        return judged(base, path, file)


def cut(case: int) -> str:
    """One file of a run directory cut off somewhere; "detected" or "harmless"."""
    rng = draws(CUT, case)
    with Copy(case) as (base, path):
        file = rng.choice(files(path))
        os.truncate(file, rng.integers(file.stat().st_size + 1))
        return judged(base, path, file)


def tear(case: int) -> str:
    """The last writes of a killed process half done, and what it left lying about: it resumes."""
    rng = draws(TEAR, case)
    dead = [base for base in bases() if base.shown != base.final]
    with Copy(case, dead) as (base, path):
        before = acknowledged(path)
        log = path / "ledger.sqlite-wal"
        os.truncate(log, log.stat().st_size - rng.integers(1, 3 * 4096))
        batch = f"batch-{rng.integers(9):05d}-chunk-{rng.integers(9):05d}"
        for name in (f"metrics/.{batch}.parquet.77.partial", f"checkpoints/{batch}.safetensors"):
            if not (path / name).exists():
                (path / name).write_bytes(rng.bytes(rng.integers(5000)))
        verdict = judged(base, path, log)
        assert acknowledged(path) >= before
        return verdict


class Copy:
    """A copy of one of the directories, by the number of the case."""

    def __init__(self, case: int, among: list[Base] | None = None):
        among = list(bases()) if among is None else among
        self.base = among[case % len(among)]

    def __enter__(self) -> tuple[Base, Path]:
        self.folder = Path(tempfile.mkdtemp(prefix="fault-"))
        shutil.copytree(self.base.path, self.folder / "run")
        return self.base, self.folder / "run"

    def __exit__(self, *_):
        shutil.rmtree(self.folder)


def files(path: Path) -> list[Path]:
    """Every file of a run directory, in order."""
    return sorted(x for x in path.rglob("*") if x.is_file())


def judged(base: Base, path: Path, file: Path) -> str:
    """Check that damage to `file` is detected and named or harmless, and that it is mended.

    Reading shows the right numbers or an error; `verify` names the file unless reading is right all
    the same; resuming ends with the table of the undisturbed sweep, and says what it mended.
    """
    try:
        shown = outcome(jaxac.load(path))
        assert shown == base.shown, f"{file}: reading shows other numbers and no error"
        unreadable = None
    except JaxacError as error:
        unreadable = str(error)
        assert str(path) in unreadable or file.name in unreadable, unreadable
    try:
        problems = "\n".join(verify(path).problems)
    except JaxacError as error:
        problems = str(error)
    named = file.name.removesuffix("-wal").removesuffix("-shm") in problems
    assert named or not unreadable, f"{file}: {unreadable}, but verify finds: {problems!r}"
    notes = Notes()
    results = jaxac.run(base.sweep, path, notes, workers=0)
    assert outcome(results) == base.final, f"{file}: another table after resuming"
    assert verify(path).problems == [], f"{file}: not mended"
    if not named:
        return "harmless"
    assert notes.notes or "ledger.copy" in problems or "ledger.count" in problems, f"{file}: silent"
    return "detected"
