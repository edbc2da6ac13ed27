"""Sums over the rows of a ledger, kept by every change, that tell if any row is not what it was.

The sum of a table is that of its rows' digests. It is kept by triggers of the connection that
writes, so that no change can forget it, and compared with the rows whenever a ledger is opened.
"""

import hashlib
import sqlite3

from jaxac.store import schema

_SIZE = 16  # bytes of a digest, and of a sum
_SUMMED = [table for table in schema.TABLES if table != "meta"]


def keep(db: sqlite3.Connection) -> None:
    """Keep the sums up to date for as long as this connection lasts."""
    db.create_function("moved", -1, _moved, deterministic=True)
    for table in _SUMMED:
        names = schema.columns(db, table)
        old, new = (", ".join(f"{row}.{name}" for name in names) for row in ("old", "new"))
        added = f"moved(value, 1, '{table}', {new})"
        changed = f"moved(moved(value, -1, '{table}', {old}), 1, '{table}', {new})"
        removed = f"moved(value, -1, '{table}', {old})"
        for when, value in (("insert", added), ("update", changed), ("delete", removed)):
            db.execute(
                f"create temp trigger {table}_{when} after {when} on main.{table} begin "
                f"update meta set value = {value} where key = 'sum of {table}'; end"
            )


def begin(db: sqlite3.Connection) -> None:
    """Write the sums of the rows that are there."""
    rows = [(f"sum of {table}", _sum(db, table)) for table in _SUMMED]
    db.executemany("insert into meta values (?, ?)", rows)


def wrong(db: sqlite3.Connection) -> list[str]:
    """The tables whose rows are not those that were written."""
    kept = dict(db.execute("select key, value from meta").fetchall())
    return [table for table in _SUMMED if kept.get(f"sum of {table}") != _sum(db, table)]


def _sum(db: sqlite3.Connection, table: str) -> str:
    return _text(sum(_digest(table, row) for row in db.execute(f"select * from {table}")))


def _moved(before: str, sign: int, table: str, *row: object) -> str:
    return _text(int(before, 16) + sign * _digest(table, row))


def _digest(table: str, row: tuple[object, ...]) -> int:
    data = repr((table, *row)).encode()
    return int.from_bytes(hashlib.blake2b(data, digest_size=_SIZE).digest(), "big")


def _text(number: int) -> str:
    return f"{number % 2 ** (8 * _SIZE):0{2 * _SIZE}x}"
