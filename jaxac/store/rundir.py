"""A run directory, and the protocol by which nothing acknowledged is lost.

    manifest.json     the sweep, its configurations, plan, versions and device
    ledger.sqlite     which chunks are done, and the SHA-256 of their files
    metrics/          one Parquet shard per chunk of a lane batch
    checkpoints/      the newest state of each lane batch

A chunk's shard and checkpoint are written whole (`files.write`), then the ledger acknowledges both
in one transaction. Whatever is not in the ledger never happened.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from jaxac.errors import StoreError
from jaxac.store import checkpoints, files, shards
from jaxac.store.ledger import Checkpoint, Chunk, Ledger, RunRow

MANIFEST, LEDGER, LOCK = "manifest.json", "ledger.sqlite", "lock"
FOLDERS = ("metrics", "checkpoints")


class RunDirectory:
    """An open run directory. `create` and `open_for_writing` hold its lock; `open` only reads."""

    def __init__(self, path: Path, manifest: dict[str, Any], ledger: Ledger, lock: int | None):
        self.path, self.manifest, self.ledger = path, manifest, ledger
        self._lock = lock

    @classmethod
    def create(cls, path: Path, manifest: dict[str, Any], runs: list[RunRow]) -> "RunDirectory":
        """A new run directory. Raises `StoreError` if the folder holds anything else."""
        with files.explained(path):
            _check_free(path)
            for folder in ("", *FOLDERS):
                (path / folder).mkdir(parents=True, exist_ok=True)
        lock = _take_lock(path)
        try:
            for file in path.glob(f"{LEDGER}*"):  # of a creation that was killed
                file.unlink()
            text = json.dumps(manifest, indent=1, sort_keys=True).encode()
            ledger = Ledger.create(path / LEDGER, runs, files.digest(text))
            # The manifest is written last: a folder that has one is a whole run directory.
            files.write(path / MANIFEST, text)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, manifest, ledger, lock)

    @classmethod
    def open(cls, path: Path, writing: bool = False, locked: bool = True) -> "RunDirectory":
        """An existing run directory. Raises `StoreError` if it is none, or in use by a writer.

        A writer that is not `locked` works for one that is.
        """
        manifest = read_manifest(path)
        ledger = Ledger.open(path / LEDGER, writing)
        if files.digest((path / MANIFEST).read_bytes()) != ledger.manifest_sha256:
            raise StoreError(
                f"{path / MANIFEST} is damaged: its checksum differs from the ledger's. Restore it "
                "from a copy, or start again in another --out"
            )
        lock = _take_lock(path) if writing and locked else None
        directory = cls(path, manifest, ledger, lock)
        if lock is not None:
            directory._tidy()
        return directory

    def close(self) -> None:
        """Close the ledger and release the lock."""
        self.ledger.close()
        if self._lock is not None:
            os.close(self._lock)

    def _tidy(self) -> None:
        """Delete what a killed writer left behind: half-written files, superseded checkpoints."""
        kept = {c.file for c in self.ledger.checkpoints()}
        for file in [*self.path.glob("checkpoints/*.npz"), *self.path.glob("**/.*.partial")]:
            if str(file.relative_to(self.path)) not in kept:
                file.unlink()

    def acknowledge(
        self,
        batch: int,
        chunk: int,
        step: int,
        seconds: float,
        runs: list[int],
        metrics: dict[str, np.ndarray],
        state: bytes,
        statuses: dict[int, str],
        diverged: dict[int, tuple[int, str]],
    ) -> None:
        """Make a chunk of a lane batch durable: when this returns, a kill cannot lose it.

        `metrics` are [runs] arrays, `step` the environment steps of each run so far, `state` the
        batch's state after the chunk (`checkpoints.encode`), `statuses` where runs stand with it,
        `diverged` the step and the metric at which runs went wrong. Raises `StoreError` on a full
        disk.
        """
        stem = f"batch-{batch:05d}-chunk-{chunk:05d}"
        shard, checkpoint = f"metrics/{stem}.parquet", f"checkpoints/{stem}.npz"
        before = self.ledger.checkpoint(batch)
        shard_sha256 = files.write(self.path / shard, shards.encode(runs, chunk, step, metrics))
        state_sha256 = files.write(self.path / checkpoint, state)
        self.ledger.acknowledge(
            Chunk(batch, chunk, step, seconds, shard, shard_sha256),
            Checkpoint(batch, chunk, checkpoint, state_sha256),
            statuses,
            diverged,
        )
        if before is not None and before.file != checkpoint:
            (self.path / before.file).unlink(missing_ok=True)

    def scores(self) -> dict[int, dict[int, np.ndarray]]:
        """The evaluation returns [runs] of every acknowledged chunk, by batch and chunk.

        NaN where a run has diverged.
        """
        found: dict[int, dict[int, np.ndarray]] = {}
        for c in self.ledger.chunks():
            table = shards.decode(files.read(self.path / c.shard, c.shard_sha256), c.shard)
            finite, score = (table[x].to_numpy() for x in ("finite", "eval_return"))
            found.setdefault(c.batch, {})[c.chunk] = np.where(finite > 0, score, np.nan)
        return found

    def chunks_done(self, batch: int) -> int:
        """After how many chunks of its runs' training a batch's checkpoint was made."""
        found = self.ledger.checkpoint(batch)
        return 0 if found is None else found.chunk + 1

    def restore(self, batch: int, like: Any) -> Any:
        """A batch's newest state. `like` gives structure, shapes and dtypes."""
        found = self.ledger.checkpoint(batch)
        if found is None:
            raise StoreError(f"{self.path} has no checkpoint of batch {batch}")
        data = files.read(self.path / found.file, found.sha256)
        return checkpoints.decode(data, like, str(self.path / found.file))

    def drop_checkpoint(self, batch: int) -> None:
        """Delete a checkpoint that serves nothing any more."""
        found = self.ledger.checkpoint(batch)
        if found is not None:
            self.ledger.forget_checkpoint(batch)
            (self.path / found.file).unlink(missing_ok=True)

    def damaged(self) -> dict[int, str]:
        """Batches with a file that is missing or damaged, and what is wrong with it."""
        found: dict[int, str] = {}
        listed = [(c.batch, c.shard, c.shard_sha256) for c in self.ledger.chunks()]
        listed += [(c.batch, c.file, c.sha256) for c in self.ledger.checkpoints()]
        for batch, file, sha256 in listed:
            try:
                files.read(self.path / file, sha256)
            except StoreError as error:
                found[batch] = str(error)
        return found


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of a run directory. Raises `StoreError` if there is none that can be read."""
    try:
        return json.loads((path / MANIFEST).read_text())
    except FileNotFoundError as error:
        raise StoreError(f"{path} is not a run directory: it has no {MANIFEST}") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{path / MANIFEST} cannot be read: {error}") from error


def is_run_directory(path: Path) -> bool:
    """Whether the folder holds a whole run directory. Raises `StoreError` if it may not be read."""
    with files.explained(path):
        return (path / MANIFEST).exists()


def _check_free(path: Path) -> None:
    """Raise `StoreError` unless a run directory can begin here: nothing, or one barely begun."""
    own = {LEDGER, f"{LEDGER}-wal", f"{LEDGER}-shm", LOCK, *FOLDERS}
    if not path.exists():
        return
    if not path.is_dir() or not {x.name for x in path.iterdir()} <= own:
        raise StoreError(f"{path} exists and is no run directory; choose another --out")
    if any(any((path / folder).glob("*")) for folder in FOLDERS):
        raise StoreError(f"{path} holds results but has lost its {MANIFEST}; choose another --out")


def _take_lock(path: Path) -> int:
    """Lock the directory for this process; the system frees it when the process ends, however."""
    with files.explained(path / LOCK):
        lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 100).decode(errors="replace").strip()
        os.close(lock)
        raise StoreError(f"{path} is in use by {holder or 'another process'}") from error
    os.truncate(lock, 0)
    os.pwrite(lock, f"process {os.getpid()}".encode(), 0)
    return lock
