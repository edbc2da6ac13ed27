"""A run directory, and the protocol by which nothing acknowledged is lost.

    manifest.json     the sweep, its configurations, plan, versions and device
    ledger.sqlite     which chunks are done, and the seals of their files
    ledger.count      how many transactions it has
    ledger.copy       the ledger as of a minute ago
    metrics/          Parquet shards: one per chunk of a lane batch, one per batch that has ended
    checkpoints/      states of lane batches
    lock              who writes

A chunk's shard, and its checkpoint if it is due, are written whole (`files.write`), then the ledger
acknowledges both in one transaction. Whatever is not in the ledger never happened.
"""

import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from jaxac import config
from jaxac.errors import DamageError, StoreError
from jaxac.store import checkpoints, files, lock, recovery, shards
from jaxac.store.ledger import Checkpoint, Chunk, Ledger, RunRow
from jaxac.store.recovery import COPY, LEDGER, MANIFEST

FOLDERS = ("metrics", "checkpoints")
BEGUN = ("ledger.*", ".ledger.*.partial", f".{MANIFEST}.*.partial")
"""What a creation that was killed may have left."""
COPY_EVERY = 60.0  # seconds


@dataclasses.dataclass(frozen=True)
class Retention:
    """Which states are kept: the `newest` of a batch that trains, and that of one which has ended.

    With more than one, a damaged checkpoint costs the training since the one before it. Without the
    states of finished runs there are no policies to export; tables and pictures need none.
    """

    newest: int = 2
    finished: bool = True


class Damage(NamedTuple):
    """A file that is gone or not what was written, and what was in it."""

    file: str
    why: str
    chunks: list[tuple[int, int]]  # by batch and number
    checkpoints: list[tuple[int, int]]


class RunDirectory:
    """An open run directory. `create` and `open(writing=True)` hold its lock; a reader does not."""

    def __init__(self, path: Path, manifest: dict[str, Any], ledger: Ledger):
        self.path, self.manifest, self.ledger = path, manifest, ledger
        self.lock: int | None = None
        self.mended: list[str] = []  # what was found at opening, in words
        self._copied = time.monotonic()

    @classmethod
    def create(cls, path: Path, manifest: dict[str, Any], runs: list[RunRow]) -> "RunDirectory":
        """A new run directory. Raises `StoreError` if the folder holds anything else."""
        with files.explained(path):
            _check_free(path)
            for folder in ("", *FOLDERS):
                (path / folder).mkdir(parents=True, exist_ok=True)
        taken, _ = lock.take(path)
        try:
            for file in [x for pattern in BEGUN for x in path.glob(pattern)]:
                file.unlink()
            text = recovery.manifest_text(manifest)
            ledger = Ledger.create(path / LEDGER, runs, text)
            recovery.keep_copy(path, ledger)
            # The manifest is written last: a folder that has one is a whole run directory.
            files.write(path / MANIFEST, text.encode())
        except BaseException:
            lock.release(taken)
            raise
        directory = cls(path, manifest, ledger)
        directory.lock = taken
        return directory

    @classmethod
    def open(cls, path: Path, writing: bool = False, locked: bool = True) -> "RunDirectory":
        """An existing run directory.

        A writer that is not `locked` works for one that is. One that is mends the ledger and the
        manifest, and deletes what a killed writer left behind. Raises `StoreError` if the folder is
        no run directory, is damaged, or in use by another writer.
        """
        check_there(path)
        if not (writing and locked):
            ledger = Ledger.open(path / LEDGER, writing)
            return cls(path, recovery.checked_manifest(path, ledger), ledger)
        taken, left_by = lock.take(path)
        try:
            ledger, mended = recovery.open_ledger(path)
            mended += recovery.mend_manifest(path, ledger)
            directory = cls(path, recovery.checked_manifest(path, ledger), ledger)
            directory.lock, directory.mended = taken, mended
            if left_by:
                ledger.add_event("left", left_by)
            for text in mended:
                ledger.add_event("mended", text)
            for folder in FOLDERS:
                (path / folder).mkdir(exist_ok=True)
            directory._tidy()
        except BaseException:
            lock.release(taken)
            raise
        return directory

    def close(self) -> None:
        """Close the ledger and release the lock."""
        self.ledger.close()
        if self.lock is not None:
            lock.release(self.lock)

    @property
    def retention(self) -> Retention:
        """Which states are kept."""
        text = self.ledger.document("retention")
        return Retention() if text is None else Retention(**files.from_json(text, LEDGER))

    def retain(self, retention: Retention) -> None:
        """Keep other states from now on."""
        self.ledger.keep_document("retention", config.canonical(dataclasses.asdict(retention)))

    def _tidy(self) -> None:
        """Delete what a killed writer left behind: files of ours that nothing speaks of."""
        kept = {c.file for c in self.ledger.checkpoints()} | {c.shard for c in self.ledger.chunks()}
        ours = (f"metrics/batch-*{shards.SUFFIX}", "checkpoints/batch-*", "*/.batch-*.partial")
        ours += BEGUN[1:]
        for file in [f for pattern in ours for f in self.path.glob(pattern)]:
            if str(file.relative_to(self.path)) not in kept and not file.is_dir():
                file.unlink()

    def acknowledge(
        self,
        batch: int,
        chunk: int,
        step: int,
        seconds: float,
        runs: list[int],
        metrics: dict[str, np.ndarray],
        state: bytes | None,
        statuses: dict[int, str],
        diverged: dict[int, tuple[int, str]],
        last: bool = False,
    ) -> None:
        """Make a chunk of a lane batch durable: when this returns, a kill cannot lose it.

        `metrics` are [runs] arrays, `step` the environment steps of each run so far, `state` the
        batch's state after the chunk (`checkpoints.encode`) if it shall be kept, `statuses` where
        runs stand with it, `diverged` the step and the metric at which runs went wrong; `last` says
        that the batch ends here. Raises `StoreError` on a full disk.
        """
        stem = f"batch-{batch:05d}-chunk-{chunk:05d}"
        shard, made, old = f"metrics/{stem}{shards.SUFFIX}", None, []
        shard_seal = files.write(self.path / shard, shards.encode(runs, chunk, step, metrics))
        if state is not None:
            file = f"checkpoints/{stem}{checkpoints.SUFFIX}"
            made = Checkpoint(batch, chunk, file, files.write(self.path / file, state))
            others = [c for c in self.ledger.checkpoints(batch) if c.chunk < chunk]
            kept = 1 if last else self.retention.newest
            old = others[: max(0, len(others) + 1 - kept)]
        found = Chunk(batch, chunk, step, seconds, shard, shard_seal)
        self.ledger.acknowledge(found, made, statuses, diverged, old)
        self._delete(c.file for c in old)

    def merge(self, batch: int) -> None:
        """Merge the shards of a batch that has ended into one; no acknowledged row is ever away.

        Raises `StoreError` if one of them is damaged, or on a full disk.
        """
        chunks = self.ledger.chunks_of(batch)
        before = dict.fromkeys(c.shard for c in chunks)
        if len(before) < 2:
            return
        data = shards.merged([table for _, table in read_rows(self.path, chunks)])
        if len(data) > files.MOST:
            return
        # Named after what is in it, so that no file is ever written over that the ledger names.
        file = f"metrics/batch-{batch:05d}-all-{files.digest(data)[:12]}{shards.SUFFIX}"
        self.ledger.merge(chunks, file, files.write(self.path / file, data))
        self._delete(x for x in before if x != file)

    def _delete(self, names: Iterator[str]) -> None:
        for name in names:
            files.inside(self.path, name).unlink(missing_ok=True)

    def keep_copy(self, now: bool = False) -> None:
        """Copy the ledger, if that is due. Raises `StoreError` on a full disk."""
        if now or time.monotonic() - self._copied > COPY_EVERY:
            recovery.keep_copy(self.path, self.ledger)
            self._copied = time.monotonic()

    def scores(self, batch: int | None = None) -> dict[int, dict[int, np.ndarray]]:
        """The evaluation returns [runs] of every acknowledged chunk, by batch and chunk.

        Of all batches, or of one. NaN where a run has diverged.
        """
        chunks = self.ledger.chunks() if batch is None else self.ledger.chunks_of(batch)
        found: dict[int, dict[int, np.ndarray]] = {}
        columns = ["chunk", "finite", "eval_return"]
        for number_of_batch, table in read_rows(self.path, chunks, columns):
            number, finite, score = (table[x].to_numpy() for x in columns)
            score = np.where(finite > 0, score, np.nan)
            for n in np.unique(number):
                found.setdefault(number_of_batch, {})[int(n)] = score[number == n]
        return found

    def missing(self, batch: int, first: int, until: int) -> list[int]:
        """The chunks of a batch that are not acknowledged, in order."""
        there = {c.chunk for c in self.ledger.chunks_of(batch)}
        return [chunk for chunk in range(first, until) if chunk not in there]

    def restore(self, batch: int, like: Any, before: int | None = None) -> tuple[Any, int]:
        """A batch's newest state, or the newest from before a chunk; and how many chunks it has.

        `like` gives structure, shapes and dtypes. Raises `StoreError` if there is none.
        """
        found = self.ledger.checkpoint(batch, before)
        if found is None:
            raise StoreError(f"{self.path} has no checkpoint of batch {batch}")
        path = files.inside(self.path, found.file)
        data = files.read(path, found.seal, checkpoints.most_bytes(like))
        return checkpoints.decode(data, like, str(path)), found.chunk + 1

    def drop_checkpoints(self, batch: int) -> None:
        """Delete the checkpoints of a batch that serve nothing any more."""
        found = self.ledger.checkpoints(batch)
        if found:
            self.ledger.drop_checkpoints(found)
            self._delete(c.file for c in found)

    def damaged(self) -> list[Damage]:
        """Files that are missing or damaged, and what is wrong with them.

        A file that a sweep replaces meanwhile is none of them.
        """
        found = {}
        for (file, seal), damage in self._files().items():
            try:
                most = files.MOST if damage.chunks else None
                files.check(files.inside(self.path, file), seal, most)
            except DamageError as error:
                found[file, seal] = damage._replace(why=str(error))
        now = self._files() if found else {}
        return [damage for key, damage in found.items() if key in now]

    def _files(self) -> dict[tuple[str, str], Damage]:
        """Every file that the ledger speaks of, by name and checksum, and what is in it."""
        found: dict[tuple[str, str], Damage] = {}
        for c in self.ledger.chunks():
            none = Damage(c.shard, "", [], [])
            found.setdefault((c.shard, c.shard_seal), none).chunks.append((c.batch, c.chunk))
        for c in self.ledger.checkpoints():
            none = Damage(c.file, "", [], [])
            found.setdefault((c.file, c.seal), none).checkpoints.append((c.batch, c.chunk))
        return found


def read_rows(
    path: Path, chunks: Sequence[Chunk], columns: Sequence[str] | None = None
) -> Iterator[tuple[int, pa.Table]]:
    """The rows of acknowledged chunks of the run directory `path`: for each shard batch and table.

    `columns`, if only some are wanted, name "chunk" as well. Raises `StoreError` for a shard that
    is missing or damaged.
    """
    held: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        held.setdefault(chunk.shard, []).append(chunk)
    for file, some in held.items():
        try:
            data = files.read(files.inside(path, file), some[0].shard_seal)
        except StoreError:
            now = moved(path, some)
            if {c.shard for c in now} == {file}:
                raise
            yield from read_rows(path, now, columns)
        else:
            table = shards.decode(data, file, columns)
            yield some[0].batch, shards.only(table, [c.chunk for c in some])


def moved(path: Path, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Where chunks are now: a sweep that goes on merges shards while others read."""
    ledger = Ledger.open(path / LEDGER, writing=False)
    now = {(c.batch, c.chunk): c for c in ledger.chunks()}
    ledger.close()
    return [now.get((c.batch, c.chunk), c) for c in chunks]


def is_run_directory(path: Path) -> bool:
    """Whether the folder holds a whole run directory. Raises `StoreError` if it may not be read."""
    with files.explained(path):
        return (path / MANIFEST).exists()


def check_there(path: Path) -> None:
    """Raise `StoreError` unless the folder may be a run directory, with nothing that leads out."""
    if not any((path / name).exists() for name in (MANIFEST, LEDGER, COPY)):
        raise StoreError(f"{path} is not a run directory: it has no {MANIFEST}")
    for name in (*FOLDERS, LEDGER, MANIFEST, COPY, lock.NAME):
        if (path / name).is_symlink():
            raise StoreError(f"{path / name} is a link, which may lead anywhere; put the real one")
    journal = path / f"{LEDGER}-journal"
    if journal.exists() and (path / MANIFEST).exists():
        raise StoreError(f"{journal} is none of a sweep's files: SQLite would obey it; delete it")


def _check_free(path: Path) -> None:
    """Raise `StoreError` unless a run directory can begin here: nothing, or one barely begun."""
    if not path.exists():
        return
    begun = {x for pattern in BEGUN for x in path.glob(pattern)}
    own = begun | {path / name for name in (lock.NAME, *FOLDERS)}
    if not path.is_dir() or not set(path.iterdir()) <= own:
        raise StoreError(f"{path} exists and is no run directory; choose another --out")
    if any(any((path / folder).glob("*")) for folder in FOLDERS):
        raise StoreError(
            f"{path} holds results but has lost its {MANIFEST}; `jaxac resume {path}` writes it "
            "again, or choose another --out"
        )
