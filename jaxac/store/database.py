"""How a ledger's database is made, opened and checked.

Whatever a file of unknown origin holds, nothing of it is executed, and it is read only if it is
what was written: SQLite's own check, the sums of the rows, and the number of transactions.
"""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from jaxac.errors import DamageError, StoreError
from jaxac.store import files, schema, sums

_NOT_DAMAGE = tuple(
    f"SQLITE_{name}"
    for name in (
        "BUSY",
        "CANTOPEN",
        "INTERRUPT",
        "IOERR",
        "LOCKED",
        "NOMEM",
        "PROTOCOL",
        "READONLY",
    )
)
"""What SQLite says where a file may be sound, but cannot be used now."""
_PATIENCE = 30.0  # seconds for others who write
_LONGEST = 10**9  # bytes of a text in a ledger


def create(path: Path) -> sqlite3.Connection:
    """A new database with empty tables."""
    db = _connect(path, "")
    with explained(path):
        db.execute("begin immediate")
        schema.create(db)
        sums.begin(db)
        db.execute("commit")
        set_count(path, transactions_of(db))
    return _for_writing(path, db)


def open_checked(path: Path, writing: bool) -> sqlite3.Connection:
    """An existing database, of this version or an earlier one. Raises `StoreError`."""
    words = "" if writing else _read_only(path)
    try:
        return _opened(path, words, writing)
    except StoreError:
        if writing or words == _read_only(path):
            raise
        return _opened(path, _read_only(path), writing)  # a writer has begun meanwhile


def _opened(path: Path, words: str, writing: bool) -> sqlite3.Connection:
    files.check_plain(path)
    db = _connect(path, words)
    try:
        with explained(path):
            if _version(path, db) < schema.SCHEMA:
                db = _migrated(path, db, writing)
            else:
                _check_rows(path, db)
                _check_count(path, db)
            return _for_writing(path, db) if writing else db
    except BaseException:
        db.close()
        raise


def intact(path: Path) -> int | None:
    """How many transactions a database holds, if it is what was written at some time."""
    try:
        files.check_plain(path)
        db = _connect(path, _read_only(path))
        try:
            with explained(path):
                _check_rows(path, db)
                return transactions_of(db)
        finally:
            db.close()
    except StoreError:
        return None


def _for_writing(path: Path, db: sqlite3.Connection) -> sqlite3.Connection:
    with explained(path):
        db.execute("pragma journal_mode = wal")
        db.execute("pragma synchronous = full")
        sums.keep(db)
    return db


def count_path(path: Path) -> Path:
    """The file beside a ledger that holds the number of its transactions."""
    return path.with_suffix(".count")


def transactions_of(db: sqlite3.Connection) -> int:
    """How many were committed."""
    found = db.execute("select value from meta where key = 'transactions'").fetchone()
    if found is None or not found[0].isdecimal() or len(found[0]) > 18:
        raise sqlite3.DatabaseError("the number of its transactions cannot be read")
    return int(found[0])


def _connect(path: Path, words: str) -> sqlite3.Connection:
    """A connection that runs nothing that a database of unknown origin may hold."""
    with explained(path):
        uri = f"{path.resolve().as_uri()}{words}"
        db = sqlite3.connect(uri, timeout=_PATIENCE, isolation_level=None, uri=True)
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        db.execute("pragma trusted_schema = off")
        db.execute("pragma cell_size_check = on")
        return db


def _version(path: Path, db: sqlite3.Connection) -> int:
    """The version of the tables. Raises `StoreError` unless it can be read."""
    found = db.execute("select type, name, sql from sqlite_master").fetchall()
    version = None
    if "meta" in {name for _, name, _ in found}:
        version = db.execute("select value from meta where key = 'schema'").fetchone()
    if version is None or version[0] not in map(str, [*schema.MIGRATIONS, schema.SCHEMA]):
        told = version[0] if version else "none"
        if version is None or not told.isdecimal() or schema.is_ours(db):
            raise DamageError(f"the ledger {path} is damaged: its schema is {told!r}")
        raise StoreError(f"{path} has schema {told}, this jaxac reads {schema.SCHEMA}")
    if any(
        kind not in ("table", "index") or "virtual" in (sql or "").lower() for kind, _, sql in found
    ):
        raise DamageError(f"the ledger {path} is damaged: it holds more than tables")
    return int(version[0])


def _check_rows(path: Path, db: sqlite3.Connection) -> None:
    if not schema.is_ours(db):
        raise DamageError(f"the ledger {path} is damaged: it has other tables than a ledger has")
    db.execute("begin")  # all that follows sees one moment
    try:
        (told,) = db.execute("pragma quick_check(1)").fetchone()
        if told != "ok":
            raise DamageError(f"the ledger {path} is damaged: {told}")
        if found := sums.wrong(db):
            raise DamageError(
                f"the ledger {path} is damaged: {', '.join(found)} differ from what was written"
            )
    finally:
        db.execute("commit")


def _check_count(path: Path, db: sqlite3.Connection) -> None:
    with files.opened(count_path(path)) as file:
        text = file.read(100)
    if not text.strip().isdigit():
        raise DamageError(f"{count_path(path)} is damaged: {text[:40]!r} is no number")
    there, count = transactions_of(db), int(text)
    if there < count:
        raise DamageError(
            f"the ledger {path} is damaged: it has {there} of the {count} transactions that "
            f"{count_path(path).name} speaks of; the others were in {path.name}-wal"
        )


def open_count(path: Path) -> int:
    """A descriptor of the file that holds the number of transactions."""
    with files.explained(count_path(path)):
        return os.open(count_path(path), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)


def note_count(path: Path, count: int, db: sqlite3.Connection) -> None:
    """Write how many transactions there are; it is only ever too small, where power is lost."""
    with files.explained(count_path(path)):
        _note(count, transactions_of(db))


def _note(count: int, transactions: int) -> None:
    os.pwrite(count, f"{transactions:020d}\n".encode(), 0)


def set_count(path: Path, transactions: int) -> None:
    """Make the file beside a ledger say how many transactions there are."""
    count = open_count(path)
    try:
        with files.explained(count_path(path)):
            os.truncate(count, 0)
            _note(count, transactions)
    finally:
        os.close(count)


def _migrated(path: Path, db: sqlite3.Connection, writing: bool) -> sqlite3.Connection:
    """The ledger as of this version: for a writer the file itself, else a copy in memory."""
    if not writing:
        copy = sqlite3.connect(":memory:", isolation_level=None)
        db.backup(copy)
        db.close()
        db = copy
    manifest = files.contents(path.with_name("manifest.json")).decode(errors="replace")
    db.execute("begin immediate")
    for version in range(_version(path, db), schema.SCHEMA):
        schema.MIGRATIONS[version](db, manifest)
    sums.begin(db)
    db.execute("commit")
    if writing:
        set_count(path, transactions_of(db))
    return db


def _read_only(path: Path) -> str:
    """The URI's words for a reader, who may have no right to write beside the database.

    Without a write-ahead log nobody is writing, and the file can be taken as it is.
    """
    has_log = path.with_name(f"{path.name}-wal").exists()
    return "?mode=ro" if has_log else "?mode=ro&immutable=1"


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `StoreError`s."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            raise StoreError(
                f"the disk is full: could not write {path}; {files.FREE_SPACE}"
            ) from error
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(_NOT_DAMAGE) and name != "SQLITE_IOERR_SHORT_READ":
            raise StoreError(
                f"the ledger {path} cannot be used: {error}. Is the disk full? {files.FREE_SPACE}"
            ) from error
        raise DamageError(f"the ledger {path} is damaged: {error}") from error
    except sqlite3.DatabaseError as error:
        raise DamageError(f"the ledger {path} is damaged: {error}") from error
