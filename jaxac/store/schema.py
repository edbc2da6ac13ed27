"""The ledger's tables, and how those of an earlier version become them."""

import sqlite3
from collections.abc import Callable

SCHEMA = 4

TABLES = {
    "meta": "CREATE TABLE meta (key text primary key, value text not null) strict, without rowid",
    "documents": (
        "CREATE TABLE documents (name text primary key, content text not null) "
        "strict, without rowid"
    ),
    "runs": (
        "CREATE TABLE runs (run integer primary key, config integer not null, "
        "seed integer not null, status text not null, diverged_step integer, "
        "diverged_metric text) strict"
    ),
    "legs": "CREATE TABLE legs (leg integer primary key, detail text not null) strict",
    "batches": (
        "CREATE TABLE batches (batch integer primary key, leg integer not null, "
        "detail text not null) strict"
    ),
    "shards": (
        "CREATE TABLE shards (shard integer primary key, file text not null, "
        "seal text not null) strict"
    ),
    "chunks": (
        "CREATE TABLE chunks (batch integer not null, chunk integer not null, "
        "env_steps integer not null, seconds real not null, shard integer not null, "
        "primary key (batch, chunk)) strict, without rowid"
    ),
    "checkpoints": (
        "CREATE TABLE checkpoints (batch integer not null, chunk integer not null, "
        "file text not null, seal text not null, primary key (batch, chunk)) "
        "strict, without rowid"
    ),
    "events": (
        "CREATE TABLE events (event integer primary key, what text not null, "
        "detail text not null) strict"
    ),
    "timings": (
        "CREATE TABLE timings (timing integer primary key, what text not null, "
        "seconds real not null) strict"
    ),
}
"""No table has an index of its own: a damaged one could hide rows from some queries alone."""


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    """The columns of a table, in order."""
    return [name for (name,) in db.execute(f"select name from pragma_table_info('{table}')")]


def create(db: sqlite3.Connection) -> None:
    """Make the tables, all empty but for the version."""
    for statement in TABLES.values():
        db.execute(statement)
    db.execute("insert into meta values ('schema', ?)", (str(SCHEMA),))
    db.execute("insert into meta values ('transactions', '0')")


def is_ours(db: sqlite3.Connection) -> bool:
    """Whether there is nothing but our tables: no trigger or view of another's making."""
    found = db.execute("select type, name, sql from sqlite_master").fetchall()
    return {(kind, name, sql) for kind, name, sql in found} == {
        ("table", name, sql) for name, sql in TABLES.items()
    }


def _from_3(db: sqlite3.Connection, manifest: str) -> None:
    """Shards in a table of their own, several checkpoints a batch, the manifest kept twice.

    States were `.npz` files then, which are not read any more: they are forgotten.
    """
    for table in ("runs", "legs", "batches", "chunks", "events", "timings"):
        db.execute(f"alter table {table} rename to old_{table}")
    db.execute("drop table meta")
    db.execute("drop table checkpoints")
    create(db)
    db.execute("insert into documents values ('manifest', ?)", (manifest,))
    for table in ("runs", "legs", "batches"):
        db.execute(f"insert into {table} select * from old_{table}")
    db.execute("insert into shards (file, seal) select shard, shard_sha256 from old_chunks")
    db.execute(
        "insert into chunks select batch, chunk, env_steps, seconds, s.shard "
        "from old_chunks as o join shards as s on s.file = o.shard"
    )
    db.execute("insert into events (what, detail) select what, detail from old_events")
    db.execute("insert into timings (what, seconds) select what, seconds from old_timings")
    for table in ("runs", "legs", "batches", "chunks", "events", "timings"):
        db.execute(f"drop table old_{table}")


MIGRATIONS: dict[int, Callable[[sqlite3.Connection, str], None]] = {3: _from_3}
"""From each earlier version to the next; the text is that of the manifest."""
