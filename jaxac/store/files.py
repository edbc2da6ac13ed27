"""Files that are there whole or not at all, and are read only if they are what was written."""

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jaxac.errors import DamageError, StoreError

_NOT_DAMAGE = (errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
MOST = 2**30  # bytes of a file that is read whole


def write(path: Path, data: bytes) -> str:
    """Write `data` so that a reader sees the old file or the new one, whatever happens.

    A temporary file beside it, fsync, rename, fsync of the folder. Returns the file's seal, its
    SHA-256 and size. Raises `StoreError` on a full disk or no permission, leaving nothing
    half-written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with explained(path):
        try:
            partial.unlink(missing_ok=True)  # of another process with our number, or a link
            with open(os.open(partial, _NEW, 0o644), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except OSError:
            partial.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    return f"{digest(data)}:{len(data)}"


def read(path: Path, seal: str, most: int = MOST) -> bytes:
    """The bytes of a file that has this seal and is not larger than `most`.

    Raises `StoreError` if it is gone, larger, no plain file, or is not what was written.
    """
    data = contents(path, most)
    if digest(data) != seal.partition(":")[0]:
        raise _differs(path)
    return data


def contents(path: Path, most: int = MOST) -> bytes:
    """The bytes of a plain file that is not larger than `most`, whatever they are."""
    with opened(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise DamageError(f"{path} is damaged: it has more than {most:,} bytes; {MEND}")
        return file.read()


def check(path: Path, seal: str, most: int | None = None) -> None:
    """Raise `StoreError` unless the file is what was written; in little memory, however large.

    One that is larger than `most` is not looked into.
    """
    sha256, _, size = seal.partition(":")
    with opened(path) as file:
        there = os.fstat(file.fileno()).st_size
        if (size and str(there) != size) or (most is not None and there > most):
            raise DamageError(
                f"{path} is damaged: it has {there:,} bytes, not {size or most}; {MEND}"
            )
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise _differs(path)


def check_plain(path: Path) -> None:
    """Raise `DamageError` unless a plain file is there, which is not opened for that."""
    try:
        mode = os.lstat(path).st_mode
    except OSError as error:
        if error.errno in _NOT_DAMAGE:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        raise DamageError(f"{path} cannot be read ({error.strerror}); {MEND}") from error
    if not stat.S_ISREG(mode):
        raise DamageError(f"{path} is no plain file; {MEND}")


@contextlib.contextmanager
def opened(path: Path) -> Iterator[io.BufferedReader]:
    """A plain file, for reading.

    Raises `DamageError` for links, pipes and what is gone or unreadable, `StoreError` where this
    process may not read it.
    """
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise DamageError(f"{path} is no plain file; {MEND}")
            yield file
    except OSError as error:
        if error.errno in _NOT_DAMAGE:
            raise StoreError(f"{path} cannot be read: {error.strerror}") from error
        what = "it is a link" if error.errno == errno.ELOOP else error.strerror
        raise DamageError(f"{path} cannot be read ({what}); {MEND}") from error


def inside(folder: Path, name: str) -> Path:
    """The file that a ledger names, which must lie one level below the folder.

    Raises `StoreError` for a name that leads elsewhere.
    """
    path = folder / name
    if not re.fullmatch(r"[a-z]+/[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or path.parent.is_symlink():
        raise StoreError(f"{folder} names a file that leads out of it: {name[:100]!r}")
    return path


FREE_SPACE = (
    "nothing acknowledged is lost: free some space, then run `jaxac resume` on the run directory"
)
MEND = "`jaxac resume` on its run directory computes again what was in it"


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def from_json(text: str | bytes, name: str) -> Any:
    """What JSON text says. Raises `StoreError` naming `name` if it is none, or nests too deeply."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"{name} holds JSON that cannot be read: {error}") from error


@contextlib.contextmanager
def understood(path: Path) -> Iterator[None]:
    """Turn the failures of code that reads the words of a run directory into `StoreError`s."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        problem = f"{type(error).__name__}: {str(error)[:100]}"
        raise StoreError(
            f"{path} does not say what a sweep's run directory says ({problem}); restore it from "
            "a backup, or start again in another --out"
        ) from error


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's errors into `StoreError`s that say how to go on."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(f"the disk is full: could not write {path}; {FREE_SPACE}") from error
        raise StoreError(f"could not write {path}: {error.strerror}") from error


def file_name(text: str) -> str:
    """`text` with all but letters, digits, dots, dashes and underscores made dashes."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)


def _differs(path: Path) -> DamageError:
    return DamageError(f"{path} is damaged: its checksum differs from the ledger's; {MEND}")
