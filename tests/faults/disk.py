"""A full disk at every place where a sweep writes: a clear error, and it goes on afterwards."""

import contextlib
import errno
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import jaxac
from jaxac.errors import StoreError
from jaxac.store.ledger import Ledger
from jaxac.store.verify import verify
from jaxac.sweep.progress import Quiet

from .ground import SWEEPS, bases, outcome

CALLS = ("fsync", "replace", "pwrite", "mkdir")


class Full:
    """A disk that is full at the n-th write that a sweep asks for, and at every one after it."""

    def __init__(self, at: float):
        self.at, self.count = at, 0

    def write(self) -> None:
        """Count a write; raise where there is no space."""
        self.count += 1
        if self.count > self.at:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def wrapped(self, call: Callable) -> Callable:
        """A call of the operating system that needs space."""

        def writing(*args, **kwargs):
            self.write()
            return call(*args, **kwargs)

        return writing

    def transactions(self) -> Callable:
        """What replaces the ledger's transactions: SQLite cannot write them at their end."""
        plain = Ledger._transaction

        @contextlib.contextmanager
        def transaction(ledger: Ledger) -> Iterator[sqlite3.Connection]:
            with plain(ledger) as db:
                yield db
                try:
                    self.write()
                except OSError as error:
                    raise sqlite3.OperationalError("database or disk is full") from error

        return transaction


@contextlib.contextmanager
def full(at: float) -> Iterator[Full]:
    """A disk that is full from the n-th write on."""
    disk = Full(at)
    with contextlib.ExitStack() as stack:
        for name in CALLS:
            call = disk.wrapped(getattr(os, name))
            stack.enter_context(mock.patch.object(os, name, call))
        stack.enter_context(mock.patch.object(Ledger, "_transaction", disk.transactions()))
        yield disk


def sites(name: str) -> int:
    """How many writes a sweep asks for in all."""
    with tempfile.TemporaryDirectory() as folder, full(float("inf")) as disk:
        jaxac.run(SWEEPS[name], Path(folder) / "run", Quiet(), workers=0)
    return disk.count


def fill(name: str, site: int) -> None:
    """Run a sweep on a disk that is full from a write on, then with space again."""
    base = next(b for b in bases() if b.path.name == name)
    with tempfile.TemporaryDirectory(prefix="full-") as folder:
        out = Path(folder) / "run"
        with full(site):
            try:
                jaxac.run(base.sweep, out, Quiet(), workers=0)
            except StoreError as error:
                assert "the disk is full" in str(error), error
                assert "jaxac resume" in str(error)
            else:
                raise AssertionError(f"write {site} failed, and nobody said so")
        assert outcome(jaxac.run(base.sweep, out, Quiet(), workers=0)) == base.final
        assert verify(out).problems == []
        assert not list(out.rglob("*.partial")), "nothing half-written is left"
