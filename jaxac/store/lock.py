"""The lock of a run directory: one sweep at a time writes to it.

A sweep's workers hold the same lock, so none of them can go on writing after another sweep has
taken it. The system frees it when the last of them ends, however that happens.
"""

import contextlib
import datetime
import errno
import fcntl
import getpass
import os
import socket
import time
from pathlib import Path

from jaxac.errors import StoreError
from jaxac.store import files

NAME = "lock"
WAIT = 60.0  # seconds for the workers of a sweep that died


def take(folder: Path, wait: float = WAIT) -> tuple[int, str]:
    """Lock a folder for this process; returns the descriptor, and who left the lock behind.

    The latter is "" unless the last holder ended without releasing it. Raises `StoreError` that
    names the holder; if that one is dead, its workers are about to end, and are waited for.
    """
    path = folder / NAME
    with files.explained(path):
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
    until = time.monotonic() + wait
    try:
        while not _locked(lock, path):
            holder = _text(lock)
            if _may_live(holder) or time.monotonic() > until:
                raise StoreError(
                    f"{folder} is in use by {holder or 'another process'}; wait until it has "
                    "ended, or stop it: a sweep goes on where it was stopped"
                )
            time.sleep(0.1)
    except BaseException:
        os.close(lock)
        raise
    left_by = _text(lock)
    with contextlib.suppress(OSError):  # the words are for people; the lock is held without them
        _write(lock, f"process {os.getpid()} of {_user()} on {socket.gethostname()} since {_now()}")
    return lock, left_by


def release(lock: int) -> None:
    """Free it, and leave no trace."""
    with contextlib.suppress(OSError):
        os.truncate(lock, 0)
    os.close(lock)


def _locked(lock: int, path: Path) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP):
            raise StoreError(
                f"{path}: this file system has no locks; choose an --out on another"
            ) from error
        raise
    return True


def _may_live(holder: str) -> bool:
    """Whether the process of these words may be alive; another machine's cannot be asked."""
    words = holder.split()
    if len(words) < 6 or words[5] != socket.gethostname() or not words[1].isdecimal():
        return True
    try:
        os.kill(int(words[1]), 0)
    except ProcessLookupError:
        return False
    except (OverflowError, PermissionError):
        pass
    return True


def _text(lock: int) -> str:
    text = os.pread(lock, 200, 0).decode(errors="replace").strip()
    return "".join(c for c in text if c.isprintable())


def _write(lock: int, text: str) -> None:
    os.truncate(lock, 0)
    os.pwrite(lock, text.encode(), 0)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return str(os.getuid())


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
