"""The ledger: an SQLite database that says which chunks are done and what their files contain."""

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxac.errors import StoreError
from jaxac.store.files import FREE_SPACE

SCHEMA = 3
_TABLES = """
create table meta (key text primary key, value text not null) strict;
create table runs (
    run integer primary key, config integer not null, seed integer not null,
    status text not null, diverged_step integer, diverged_metric text
) strict;
create table legs (leg integer primary key, detail text not null) strict;
create table batches (
    batch integer primary key, leg integer not null, detail text not null
) strict;
create table chunks (
    batch integer not null, chunk integer not null, env_steps integer not null,
    seconds real not null, shard text not null, shard_sha256 text not null,
    primary key (batch, chunk)
) strict;
create table checkpoints (
    batch integer primary key, chunk integer not null, file text not null, sha256 text not null
) strict;
create table events (what text not null, detail text not null) strict;
create table timings (what text not null, seconds real not null) strict;
"""

_ADD_RUN = "insert into runs values (?, ?, ?, ?, null, null)"
_SOUND = "diverged_step = null, diverged_metric = null"


class Chunk(NamedTuple):
    """An acknowledged chunk of a lane batch."""

    batch: int
    chunk: int
    env_steps: int  # of one run, from the start of training
    seconds: float
    shard: str
    shard_sha256: str


class Checkpoint(NamedTuple):
    """The newest checkpoint of a lane batch."""

    batch: int
    chunk: int
    file: str
    sha256: str


class RunRow(NamedTuple):
    """One run and where it stands: pending, running, done, stopped or diverged."""

    run: int
    config: int
    seed: int
    status: str
    diverged_step: int | None = None  # env steps
    diverged_metric: str | None = None  # the first that was no finite number


class Ledger:
    """One connection. Every change is a transaction that is on disk when the call returns."""

    def __init__(self, path: Path, writing: bool = True):
        self.path = path
        with _explained(path):
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}{'' if writing else _read_only(path)}",
                timeout=30.0,
                isolation_level=None,
                uri=True,
            )
            if writing:
                self._db.execute("pragma journal_mode = wal")
                self._db.execute("pragma synchronous = full")

    @classmethod
    def create(cls, path: Path, runs: Iterable[RunRow], manifest_sha256: str = "") -> "Ledger":
        """A new ledger that holds `runs`, none of them begun."""
        ledger = cls(path)
        with ledger._transaction() as db:
            for statement in _TABLES.strip().split(";\n"):
                db.execute(statement)
            db.execute("insert into meta values ('schema', ?)", (str(SCHEMA),))
            db.execute("insert into meta values ('manifest_sha256', ?)", (manifest_sha256,))
            rows = [(r.run, r.config, r.seed, r.status) for r in runs]
            db.executemany(_ADD_RUN, rows)
        return ledger

    @classmethod
    def open(cls, path: Path, writing: bool = True) -> "Ledger":
        """An existing ledger. Raises `StoreError` if it is missing, damaged or too new."""
        if not path.exists():
            raise StoreError(f"{path} is missing: this is not a run directory of jaxac")
        ledger = cls(path, writing)
        with _explained(path):
            row = ledger._db.execute("select value from meta where key = 'schema'").fetchone()
        if row is None or row[0] != str(SCHEMA):
            found = row[0] if row else "none"
            raise StoreError(f"{path} has schema {found}, this jaxac reads {SCHEMA}")
        return ledger

    @property
    def manifest_sha256(self) -> str:
        """The SHA-256 of the manifest beside the ledger."""
        return self._all("select value from meta where key = 'manifest_sha256'")[0][0]

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded into the database."""
        self._db.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with _explained(self.path):
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def add_leg(
        self,
        detail: Mapping[str, Any],
        batches: Mapping[int, Mapping[str, Any]],
        runs: Iterable[RunRow] = (),
        replaced: Iterable[int] = (),
    ) -> None:
        """Record a decision, its new runs and the batches that follow from it, all or nothing.

        Runs that are `replaced` take over another's state, so they have not diverged any more.
        """
        with self._transaction() as db:
            (leg,) = db.execute("select count(*) from legs").fetchone()
            db.execute("insert into legs values (?, ?)", (leg, json.dumps(detail)))
            db.executemany(_ADD_RUN, [(r.run, r.config, r.seed, r.status) for r in runs])
            rows = [(number, leg, json.dumps(x)) for number, x in batches.items()]
            db.executemany("insert into batches values (?, ?, ?)", rows)
            db.executemany(
                f"update runs set status = 'running', {_SOUND} where run = ?",
                [(run,) for run in replaced],
            )

    def legs(self) -> list[dict[str, Any]]:
        """Every decision, in order."""
        return [json.loads(x) for (x,) in self._all("select detail from legs order by leg")]

    def batches(self) -> dict[int, dict[str, Any]]:
        """Every batch by number."""
        rows = self._all("select batch, detail from batches order by batch")
        return {number: json.loads(x) for number, x in rows}

    def acknowledge(
        self,
        chunk: Chunk,
        checkpoint: Checkpoint,
        statuses: Mapping[int, str],
        diverged: Mapping[int, tuple[int, str]],
    ) -> None:
        """Record a chunk whose files are on disk, and where its runs stand.

        `diverged` maps runs that went non-finite to the step and the metric where it was seen
        first; they keep them.
        """
        with self._transaction() as db:
            db.execute(
                "insert or replace into chunks values (?, ?, ?, ?, ?, ?)",
                (
                    chunk.batch,
                    chunk.chunk,
                    chunk.env_steps,
                    chunk.seconds,
                    chunk.shard,
                    chunk.shard_sha256,
                ),
            )
            db.execute(
                "insert or replace into checkpoints values (?, ?, ?, ?)",
                (checkpoint.batch, checkpoint.chunk, checkpoint.file, checkpoint.sha256),
            )
            db.executemany(
                "update runs set status = ? where run = ? and status not in ('diverged', 'done')",
                [(status, run) for run, status in statuses.items()],
            )
            db.executemany(
                "update runs set status = 'diverged', diverged_step = ?, diverged_metric = ? "
                "where run = ? and diverged_step is null",
                [(step, metric, run) for run, (step, metric) in diverged.items()],
            )

    def restart(self, batch: int, runs: Iterable[int], why: str) -> None:
        """Forget all that is known of a batch whose files turned out damaged.

        `runs` are those that stand where it left them.
        """
        with self._transaction() as db:
            db.execute("insert into events values ('restart', ?)", (f"batch {batch}: {why}",))
            db.execute("delete from chunks where batch = ?", (batch,))
            db.execute("delete from checkpoints where batch = ?", (batch,))
            db.executemany(
                f"update runs set status = 'pending', {_SOUND} where run = ?",
                [(run,) for run in runs],
            )

    def stop(self) -> None:
        """Every run that is neither done nor diverged was stopped: the sweep is complete."""
        with self._transaction() as db:
            db.execute("update runs set status = 'stopped' where status in ('pending', 'running')")

    def forget_checkpoint(self, batch: int) -> None:
        """A batch's checkpoint serves nothing any more."""
        with self._transaction() as db:
            db.execute("delete from checkpoints where batch = ?", (batch,))

    def add_event(self, what: str, detail: str) -> None:
        """Record something that happened, in words or as JSON."""
        with self._transaction() as db:
            db.execute("insert into events values (?, ?)", (what, detail))

    def events(self, what: str) -> list[str]:
        """The details of what happened, in order."""
        return [x for (x,) in self._all("select detail from events where what = ?", what)]

    def add_time(self, what: str, seconds: float) -> None:
        """Record seconds spent on something that is not a chunk."""
        with self._transaction() as db:
            db.execute("insert into timings values (?, ?)", (what, seconds))

    def seconds(self, what: str) -> float:
        """Total seconds recorded for something; `"chunks"` is the time in chunks."""
        if what == "chunks":
            return self._one("select total(seconds) from chunks")
        return self._one("select total(seconds) from timings where what = ?", what)

    def count(self, what: str) -> int:
        """How often seconds were recorded for something."""
        return int(self._one("select count(*) from timings where what = ?", what))

    def runs(self) -> list[RunRow]:
        """Every run, by number."""
        return [RunRow(*row) for row in self._all("select * from runs order by run")]

    def chunks(self) -> list[Chunk]:
        """Every acknowledged chunk, by batch and chunk."""
        return [Chunk(*row) for row in self._all("select * from chunks order by batch, chunk")]

    def checkpoint(self, batch: int) -> Checkpoint | None:
        """The newest checkpoint of a batch, if it has one."""
        rows = self._all("select * from checkpoints where batch = ?", batch)
        return Checkpoint(*rows[0]) if rows else None

    def checkpoints(self) -> list[Checkpoint]:
        """The newest checkpoint of every batch that has one."""
        return [Checkpoint(*row) for row in self._all("select * from checkpoints order by batch")]

    def _all(self, query: str, *values: object) -> list[tuple]:
        with _explained(self.path):
            return self._db.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> float:
        return self._all(query, *values)[0][0]


def _read_only(path: Path) -> str:
    """The URI's words for a reader, who may have no right to write beside the database.

    Without a write-ahead log nobody is writing, and the file can be taken as it is.
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    return "?mode=ro" if has_log else "?mode=ro&immutable=1"


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise StoreError(f"the disk is full: could not write {path}; {FREE_SPACE}") from error
        raise StoreError(f"the ledger {path} cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"the ledger {path} is damaged: {error}") from error
