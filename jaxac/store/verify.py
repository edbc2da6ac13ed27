"""Check all that a run directory holds against what the ledger has of it."""

import dataclasses
from pathlib import Path

from jaxac.errors import StoreError
from jaxac.store import database, files, lock, rundir
from jaxac.store.ledger import Ledger
from jaxac.store.recovery import COPY, LEDGER, MANIFEST, checked_manifest
from jaxac.store.rundir import RunDirectory

OWN = {MANIFEST, LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", "ledger.count", COPY, lock.NAME}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What was checked, what is wrong, and what is nobody's to check."""

    files: int
    bytes: int
    chunks: int
    problems: list[str]
    unknown: list[str]  # files that no sweep wrote, or that can be drawn again


def verify(path: Path) -> Verdict:
    """Check a run directory: ledger and copy, manifest, every shard and checkpoint, every row.

    Changes nothing. Raises `StoreError` if the folder is no run directory.
    """
    rundir.check_there(path)
    problems = []
    if (path / COPY).exists() and database.intact(path / COPY) is None:
        problems.append(f"{path / COPY} is damaged; `jaxac resume` writes it again")
    try:
        ledger = Ledger.open(path / LEDGER, writing=False)
    except StoreError as error:
        return Verdict(0, 0, 0, [*problems, str(error)], [])
    try:
        try:
            checked_manifest(path, ledger)
        except StoreError as error:
            problems.append(str(error))
        directory = RunDirectory(path, {}, ledger)
        damage = directory.damaged()
        problems += [one.why for one in damage]
        if not damage:
            with files.understood(path):
                problems += _wrong_rows(directory)
        chunks = ledger.chunks()
        named = {c.shard for c in chunks} | {c.file for c in ledger.checkpoints()}
        sizes = [_size(path / name) for name in (*named, MANIFEST, LEDGER)]
        return Verdict(len(sizes), sum(sizes), len(chunks), problems, _unknown(path, named))
    finally:
        ledger.close()


def _wrong_rows(directory: RunDirectory) -> list[str]:
    """Shards with other rows than their batch's runs; finished runs that lack a chunk."""
    ledger = directory.ledger
    runs = {number: x["runs"] for number, x in ledger.batches().items()}
    chunks, found = ledger.chunks(), []
    for batch, table in rundir.read_rows(directory.path, chunks, ["run", "chunk"]):
        rows = sorted(zip(table["chunk"].to_pylist(), table["run"].to_pylist(), strict=True))
        if rows != sorted((chunk, run) for chunk in {c for c, _ in rows} for run in runs[batch]):
            found.append(f"a shard of batch {batch} has other rows than one for each of its runs")
    there: dict[int, set[int]] = {}
    for c in chunks:
        for run in runs[c.batch]:
            there.setdefault(run, set()).add(c.chunk)
    for row in ledger.runs():
        has = there.get(row.run, set())
        if row.status == "done" and len(has) <= max(has, default=0):
            found.append(f"run {row.run} is done, but not all of its chunks are there")
    return found


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _unknown(path: Path, named: set[str]) -> list[str]:
    found = [x for x in path.iterdir() if x.name not in OWN | set(rundir.FOLDERS)]
    for folder in rundir.FOLDERS:
        found += [x for x in (path / folder).glob("*") if f"{folder}/{x.name}" not in named]
    return sorted(str(x.relative_to(path)) for x in found)
