"""The ledger: an SQLite database that says which chunks are done and what their files contain.

Beside it, `ledger.count` holds how many transactions were committed, so that a ledger whose last
ones are gone is known for what it is. Several processes may write; a reader waits for none.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from jaxac.store import database, files

_ADD_RUN = "insert into runs values (?, ?, ?, ?, null, null)"
_SOUND = "diverged_step = null, diverged_metric = null"


class Chunk(NamedTuple):
    """An acknowledged chunk of a lane batch."""

    batch: int
    chunk: int
    env_steps: int  # of one run, from the start of training
    seconds: float
    shard: str
    shard_seal: str


class Checkpoint(NamedTuple):
    """The state of a lane batch after a chunk."""

    batch: int
    chunk: int
    file: str
    seal: str


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

    def __init__(self, path: Path, db: sqlite3.Connection, count: int | None):
        self.path, self._db, self._count = path, db, count

    @classmethod
    def create(cls, path: Path, runs: Iterable[RunRow], manifest: str = "") -> "Ledger":
        """A new ledger that holds `runs`, none of them begun, and the manifest's text."""
        ledger = cls(path, database.create(path), database.open_count(path))
        with ledger._transaction() as db:
            db.execute("insert into documents values ('manifest', ?)", (manifest,))
            rows = [(r.run, r.config, r.seed, r.status) for r in runs]
            db.executemany(_ADD_RUN, rows)
        return ledger

    @classmethod
    def open(cls, path: Path, writing: bool = True) -> "Ledger":
        """An existing ledger, all of it checked; one of an earlier version becomes of this one.

        A reader changes nothing on the disk. Raises `StoreError` if it is missing, too new, or not
        what was written.
        """
        db = database.open_checked(path, writing)
        return cls(path, db, database.open_count(path) if writing else None)

    @property
    def transactions(self) -> int:
        """How many were committed."""
        return database.transactions_of(self._db)

    @property
    def manifest(self) -> str:
        """The text of the manifest beside the ledger."""
        return self.document("manifest") or ""

    def document(self, name: str) -> str | None:
        """A text that is kept under a name, if it is."""
        rows = self._all("select content from documents where name = ?", name)
        return rows[0][0] if rows else None

    def keep_document(self, name: str, content: str) -> None:
        """Keep a text under a name."""
        with self._transaction() as db:
            db.execute(
                "insert into documents values (?, ?) "
                "on conflict (name) do update set content = excluded.content",
                (name, content),
            )

    def image(self) -> bytes:
        """The whole database as of now, as the bytes of a file."""
        with database.explained(self.path):
            return self._db.serialize()

    def close(self) -> None:
        """Close the connection; the write-ahead log is folded into the database."""
        self._db.close()
        if self._count is not None:
            os.close(self._count)
            self._count = None

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with database.explained(self.path):
            self._db.execute("begin immediate")
            try:
                yield self._db
                self._db.execute("update meta set value = value + 1 where key = 'transactions'")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("rollback")
                raise
            self._db.execute("commit")
        assert self._count is not None
        database.note_count(self.path, self._count, self._db)

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
        rows = self._all("select detail from legs order by leg")
        return [files.from_json(x, str(self.path)) for (x,) in rows]

    def batches(self) -> dict[int, dict[str, Any]]:
        """Every batch by number."""
        rows = self._all("select batch, detail from batches order by batch")
        return {number: files.from_json(x, str(self.path)) for number, x in rows}

    def acknowledge(
        self,
        chunk: Chunk,
        checkpoint: Checkpoint | None,
        statuses: Mapping[int, str],
        diverged: Mapping[int, tuple[int, str]],
        dropped: Iterable[Checkpoint] = (),
    ) -> None:
        """Record a chunk whose files are on disk, where its runs stand, and what is dropped for it.

        `diverged` maps runs that went non-finite to the step and the metric where it was seen
        first; they keep them. A run that a later batch took over is none of this one's concern.
        """
        with self._transaction() as db:
            _add_shard(db, [chunk], chunk.shard, chunk.shard_seal)
            if checkpoint is not None:
                db.execute(
                    "insert into checkpoints values (?, ?, ?, ?) on conflict (batch, chunk) "
                    "do update set file = excluded.file, seal = excluded.seal",
                    checkpoint,
                )
            db.executemany(_DROP, [(c.batch, c.chunk) for c in dropped])
            db.executemany(
                "update runs set status = ? where run = ? and status not in ('diverged', 'done')",
                [(status, run) for run, status in statuses.items()],
            )
            db.executemany(
                "update runs set status = 'diverged', diverged_step = ?, diverged_metric = ? "
                "where run = ? and diverged_step is null and not exists (select 1 from batches, "
                "json_each(batches.detail, '$.runs') as r where batch > ? and r.value = run)",
                [(step, metric, run, chunk.batch) for run, (step, metric) in diverged.items()],
            )

    def merge(self, chunks: Iterable[Chunk], file: str, seal: str) -> None:
        """Record that one shard holds what several did."""
        with self._transaction() as db:
            _add_shard(db, chunks, file, seal)
            db.execute("delete from shards where shard not in (select shard from chunks)")

    def forget(
        self,
        chunks: Iterable[tuple[int, int]],
        checkpoints: Iterable[tuple[int, int]],
        runs: Iterable[int],
        why: str,
    ) -> None:
        """Forget chunks and checkpoints, each by batch and number, whose files are damaged.

        `runs` have to train again; those that diverged still have.
        """
        with self._transaction() as db:
            for table, which in (("chunks", [*chunks]), ("checkpoints", [*checkpoints])):
                db.executemany(f"delete from {table} where batch = ? and chunk = ?", which)
                told = json.dumps({"what": table, "which": which, "why": why})
                if which:
                    db.execute("insert into events (what, detail) values ('forgotten', ?)", (told,))
            db.execute("delete from shards where shard not in (select shard from chunks)")
            db.executemany(
                "update runs set status = 'running' where run = ? and status != 'diverged'",
                [(run,) for run in runs],
            )

    def stop(self) -> None:
        """Every run that is neither done nor diverged was stopped: the sweep is complete."""
        with self._transaction() as db:
            db.execute("update runs set status = 'stopped' where status in ('pending', 'running')")

    def drop_checkpoints(self, which: Iterable[Checkpoint]) -> None:
        """Checkpoints that serve nothing any more."""
        with self._transaction() as db:
            db.executemany(_DROP, [(c.batch, c.chunk) for c in which])

    def add_event(self, what: str, detail: str) -> None:
        """Record something that happened, in words or as JSON."""
        with self._transaction() as db:
            db.execute("insert into events (what, detail) values (?, ?)", (what, detail))

    def events(self, what: str) -> list[str]:
        """The details of what happened, in order."""
        query = "select detail from events where what = ? order by event"
        return [x for (x,) in self._all(query, what)]

    def add_time(self, what: str, seconds: float) -> None:
        """Record seconds spent on something that is not a chunk."""
        with self._transaction() as db:
            db.execute("insert into timings (what, seconds) values (?, ?)", (what, seconds))

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
        return [Chunk(*row) for row in self._all(f"{_CHUNKS} order by batch, chunk")]

    def chunks_of(self, batch: int) -> list[Chunk]:
        """The acknowledged chunks of a batch, in order."""
        rows = self._all(f"{_CHUNKS} where batch = ? order by chunk", batch)
        return [Chunk(*row) for row in rows]

    def checkpoint(self, batch: int, before: int | None = None) -> Checkpoint | None:
        """The newest checkpoint of a batch, or the newest that was made before a chunk."""
        most = 2**62 if before is None else before
        query = "select * from checkpoints where batch = ? and chunk < ? order by chunk desc"
        rows = self._all(f"{query} limit 1", batch, most)
        return Checkpoint(*rows[0]) if rows else None

    def checkpoints(self, batch: int | None = None) -> list[Checkpoint]:
        """The checkpoints of a batch, or all, oldest first."""
        where = "" if batch is None else "where batch = ? "
        query = f"select * from checkpoints {where}order by batch, chunk"
        return [Checkpoint(*row) for row in self._all(query, *([] if batch is None else [batch]))]

    def _all(self, query: str, *values: object) -> list[tuple]:
        with database.explained(self.path):
            return self._db.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> float:
        return self._all(query, *values)[0][0]


_DROP = "delete from checkpoints where batch = ? and chunk = ?"
_CHUNKS = (
    "select batch, chunk, env_steps, seconds, file, seal from chunks join shards using (shard)"
)


def _add_shard(db: sqlite3.Connection, chunks: Iterable[Chunk], file: str, seal: str) -> None:
    """Record a shard, and that it holds these chunks."""
    found = db.execute("insert into shards (file, seal) values (?, ?)", (file, seal))
    db.executemany(
        "insert into chunks values (?, ?, ?, ?, ?) on conflict (batch, chunk) do update "
        "set env_steps = excluded.env_steps, seconds = excluded.seconds, shard = excluded.shard",
        [(c.batch, c.chunk, c.env_steps, c.seconds, found.lastrowid) for c in chunks],
    )
