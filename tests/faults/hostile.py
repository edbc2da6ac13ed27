"""Run directories that someone has prepared: each is refused, in little memory, running nothing.

All are consistent in themselves: whoever can write a directory can also write its checksums.
"""

import contextlib
import io
import os
import pickle
import resource
import shutil
import struct
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import jaxac
from jaxac.errors import JaxacError
from jaxac.store import database, files, recovery
from jaxac.store.ledger import Ledger
from jaxac.store.verify import verify
from jaxac.sweep import spec
from jaxac.sweep.progress import Quiet

from .ground import bases

MEMORY = 2**28  # bytes that refusing may take
KINDS: dict[str, Callable[[Path], None]] = {}
RAN: list[str] = []
"""What hostile files managed to run."""


def kind(prepare: Callable[[Path], None]) -> Callable[[Path], None]:
    """Register a way to prepare a directory."""
    KINDS[prepare.__name__] = prepare
    return prepare


def refused(name: str) -> str:
    """Prepare a directory, try all that reads it, and return what was said.

    Reading or resuming it raises `JaxacError`; nothing runs, memory stays small.
    """
    base = next(b for b in bases() if b.shown != b.final)
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        path = Path(folder) / "run"
        shutil.copytree(base.path, path)
        KINDS[name](path)
        before, said = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, []
        for read in (
            lambda: jaxac.load(path).frame(),
            lambda: problems(path),
            lambda: jaxac.load_policy(path, run=0),
            lambda: jaxac.resume(path, Quiet(), workers=0),
        ):
            try:
                read()
            except JaxacError as error:
                said.append(str(error))
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        assert said, f"{name}: nothing objected"
        assert all(len(text) < 2000 for text in said), "a message is endless"
        assert more * 1024 < MEMORY, f"{name}: {more:,} KiB were taken"
        assert not RAN and "hostile" not in sys.modules, f"{name} ran code"
        assert not (Path(folder) / "escaped").exists(), f"{name} wrote outside"
    return said[0]


def problems(path: Path) -> None:
    """Raise what `verify` finds."""
    found = verify(path).problems
    if found:
        raise JaxacError(found[0])


def toml(text: str) -> str:
    """Read a sweep file of this text; what was said."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.toml"
        path.write_text(text)
        try:
            spec.from_toml(path)
        except JaxacError as error:
            return str(error)
    raise AssertionError("nothing objected")


class Bomb:
    """Runs code where it is unpickled."""

    def __reduce__(self):
        return RAN.append, ("pickle",)


@contextlib.contextmanager
def edited(path: Path) -> Iterator[Ledger]:
    """The ledger, to be changed as its owner would, with sums that are right."""
    ledger = Ledger.open(path / recovery.LEDGER)
    yield ledger
    ledger.close()


def as_shard(path: Path, data: bytes) -> None:
    """Put other bytes into a shard, checksum and all."""
    with edited(path) as ledger:
        chunk = ledger.chunks()[0]
        seal = files.write(path / chunk.shard, data)
        with ledger._transaction() as db:
            db.execute("update shards set seal = ? where file = ?", (seal, chunk.shard))


def as_checkpoint(path: Path, data: bytes) -> None:
    """Put other bytes into every checkpoint, checksum and all."""
    with edited(path) as ledger:
        for found in ledger.checkpoints():
            seal = files.write(path / found.file, data)
            with ledger._transaction() as db:
                change = "update checkpoints set seal = ? where file = ?"
                db.execute(change, (seal, found.file))


def as_manifest(path: Path, change: Callable[[str], str]) -> None:
    """Change the manifest, here and in the ledger."""
    with edited(path) as ledger:
        text = change(ledger.manifest)
        ledger.keep_document("manifest", text)
    (path / recovery.MANIFEST).write_text(text)


@kind
def a_pickle_for_a_checkpoint(path):
    as_checkpoint(path, pickle.dumps(Bomb()))


@kind
def an_archive_with_a_pickle_for_a_checkpoint(path):
    buffer = io.BytesIO()
    np.savez(buffer, **{"0": np.array([Bomb()], dtype=object)})
    as_checkpoint(path, buffer.getvalue())


@kind
def an_oversized_header(path):
    as_checkpoint(path, struct.pack("<Q", 2**62) + b"{" * 100)


@kind
def tensors_that_say_they_are_huge(path):
    header = b'{"0":{"dtype":"F32","shape":[1000000,1000000],"data_offsets":[0,4000000000000]}}'
    as_checkpoint(path, struct.pack("<Q", len(header)) + header)


@kind
def deep_nesting_in_a_checkpoint(path):
    header = b'{"__metadata__":' + b"[" * 100_000
    as_checkpoint(path, struct.pack("<Q", len(header)) + header)


@kind
def a_path_that_leads_out(path):
    with edited(path) as ledger, ledger._transaction() as db:
        db.execute("update shards set file = 'metrics/../../escaped' where shard = 1")


@kind
def an_absolute_path(path):
    with edited(path) as ledger, ledger._transaction() as db:
        db.execute("update shards set file = '/etc/passwd' where shard = 1")


@kind
def a_link_for_a_shard(path):
    with edited(path) as ledger:
        file = path / ledger.chunks()[0].shard
    shutil.copy(file, path.parent / "elsewhere")
    file.unlink()
    file.symlink_to(path.parent / "elsewhere")


@kind
def a_link_for_a_folder(path):
    os.rename(path / "metrics", path.parent / "elsewhere")
    (path / "metrics").symlink_to(path.parent / "elsewhere")


@kind
def a_pipe_for_a_shard(path):
    with edited(path) as ledger:
        file = path / ledger.chunks()[0].shard
    file.unlink()
    os.mkfifo(file)


@kind
def a_shard_without_end(path):
    with edited(path) as ledger:
        file = path / ledger.chunks()[0].shard
    os.truncate(file, 2**42)


@kind
def a_shard_that_unfolds(path):
    """Some kilobytes that say they are two hundred million rows."""
    table = pa.table({"run": pa.array(np.zeros(2 * 10**8, np.int8)).dictionary_encode()})
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", row_group_size=2 * 10**8)
    as_shard(path, buffer.getvalue())


@kind
def nonsense_for_a_shard(path):
    as_shard(path, b"PAR1" + bytes(1000) + b"PAR1")


@kind
def a_trigger_in_the_ledger(path):
    with edited(path) as ledger:
        ledger._db.execute("create trigger t after insert on runs begin delete from chunks; end")


@kind
def a_view_for_a_table(path):
    with edited(path) as ledger:
        ledger._db.execute("drop table timings")
        ledger._db.execute("create view timings as select 1, load_extension('hostile'), 2")


@kind
def a_manifest_that_names_code(path):
    (path / "hostile.py").write_text("from tests.faults import hostile\nhostile.RAN.append(1)\n")
    sys.path.insert(0, str(path))
    as_manifest(path, lambda text: text.replace("tests.sweep.tiny:RECORD", "hostile:RECORD"))


@kind
def a_manifest_that_names_a_command(path):
    as_manifest(path, lambda text: text.replace("probe/ConstantReward", "os:abort"))


@kind
def deep_nesting_in_the_manifest(path):
    as_manifest(path, lambda text: "[" * 100_000)


@kind
def a_manifest_without_words(path):
    as_manifest(path, lambda text: "{}")


@kind
def a_manifest_of_other_words(path):
    as_manifest(path, lambda text: text.replace('"swept": {', '"swept": [{').replace("}", "}]"))


@kind
def batches_without_words(path):
    with edited(path) as ledger, ledger._transaction() as db:
        db.execute("update batches set detail = '{}'")


@kind
def batches_without_end(path):
    with edited(path) as ledger, ledger._transaction() as db:
        db.execute("update batches set detail = json_set(detail, '$.until', 1000000000000000)")


@kind
def decisions_that_nest(path):
    with edited(path) as ledger, ledger._transaction() as db:
        db.execute("update legs set detail = ?", ("[" * 100_000,))


@kind
def runs_that_no_batch_has(path):
    with edited(path) as ledger, ledger._transaction() as db:
        db.execute("update batches set detail = replace(detail, '\"runs\": [', '\"runs\": [999, ')")


@kind
def a_ledger_of_zeros(path):
    size = (path / recovery.LEDGER).stat().st_size
    for name in (recovery.LEDGER, recovery.COPY):
        (path / name).write_bytes(bytes(size))
    (path / f"{recovery.LEDGER}-wal").unlink(missing_ok=True)


@kind
def a_count_that_is_a_link(path):
    count = database.count_path(path / recovery.LEDGER)
    count.unlink()
    count.symlink_to(path.parent / "escaped")


TOML = {
    "deep nesting": "a = " + "[" * 100_000,
    "a name of a thousand parts": ".".join("a" * 100_000) + " = 1",
    "a number of ten thousand digits": "seeds = 1" + "0" * 10_000,
    "code for an environment": 'algorithm = "ppo"\nenv = 7\ntotal_steps = 1',
}
