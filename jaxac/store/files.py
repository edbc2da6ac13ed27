"""Files that are there whole or not at all."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from jaxac.errors import StoreError


def write(path: Path, data: bytes) -> str:
    """Write `data` so that a reader sees the old file or the new one, whatever happens.

    A temporary file beside it, fsync, rename, fsync of the folder. Returns the SHA-256. Raises
    `StoreError` on a full disk or no permission, leaving nothing half-written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with explained(path):
        try:
            with open(partial, "wb") as file:
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
    return digest(data)


def read(path: Path, sha256: str) -> bytes:
    """The bytes of a file. Raises `StoreError` if it is gone or is not what was written."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read ({error.strerror}); {MEND}") from error
    if digest(data) != sha256:
        raise StoreError(f"{path} is damaged: its checksum differs from the ledger's; {MEND}")
    return data


FREE_SPACE = (
    "nothing acknowledged is lost: free some space, then run `jaxac resume` on the run directory"
)
MEND = "delete it and run `jaxac resume` on its run directory, which computes it again"


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


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
