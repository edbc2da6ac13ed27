import errno
import itertools
import json
import os
import shutil
import sqlite3

import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.errors import DamageError, StoreError
from jaxac.store import checkpoints, database, files
from jaxac.store.ledger import RunRow
from jaxac.store.rundir import Retention, RunDirectory, read_rows

RUNS = [RunRow(0, 0, 0, "pending")]
METRICS = {"finite": np.ones(1), "eval_return": np.ones(1)}
STATE = {"params": jnp.arange(3.0)}


def acknowledge(directory, chunk, state=STATE, last=False):
    data = None if state is None else checkpoints.encode(state)
    directory.acknowledge(0, chunk, 10, 0.1, [0], METRICS, data, {0: "running"}, {}, last)


def rows(directory):
    found = [table.to_pylist() for _, table in read_rows(directory.path, directory.ledger.chunks())]
    return sorted(itertools.chain(*found), key=lambda row: row["chunk"])


def restored(directory, before=None):
    state, chunks = directory.restore(0, STATE, before)
    return state["params"].tolist(), chunks


def test_the_newest_checkpoints_of_a_batch_are_kept_and_one_of_those_at_their_end(tmp_path):
    directory = RunDirectory.create(tmp_path / "run", {}, RUNS)
    for chunk in range(4):
        acknowledge(directory, chunk, {"params": jnp.arange(3.0) + chunk})
    folder = tmp_path / "run/checkpoints"
    assert sorted(p.name[12:23] for p in folder.iterdir()) == ["chunk-00002", "chunk-00003"]
    assert restored(directory) == ([3.0, 4.0, 5.0], 4)
    assert restored(directory, 3) == ([2.0, 3.0, 4.0], 3)
    acknowledge(directory, 4, last=True)
    assert sorted(p.name[12:23] for p in folder.iterdir()) == ["chunk-00004"]
    directory.close()


def test_a_chunk_may_be_acknowledged_without_its_state(tmp_path):
    directory = RunDirectory.create(tmp_path / "run", {}, RUNS)
    acknowledge(directory, 0)
    acknowledge(directory, 1, None)
    assert directory.missing(0, 0, 4) == [2, 3]
    assert restored(directory)[1] == 1
    directory.close()


def test_merged_shards_give_the_same_rows(tmp_path):
    directory = RunDirectory.create(tmp_path / "run", {}, RUNS)
    for chunk in range(3):
        acknowledge(directory, chunk)
    before = rows(directory)
    directory.merge(0)
    (shard,) = (tmp_path / "run/metrics").iterdir()
    assert shard.name.startswith("batch-00000-all-")
    assert rows(directory) == before
    acknowledge(directory, 1)  # trained again: the merged shard still has its rows
    assert rows(directory) == before
    directory.merge(0)
    assert rows(directory) == before and directory.damaged() == []
    directory.close()


def test_a_reader_follows_shards_that_are_merged_while_it_reads(tmp_path):
    directory = RunDirectory.create(tmp_path / "run", {}, RUNS)
    for chunk in range(3):
        acknowledge(directory, chunk)
    chunks = directory.ledger.chunks()
    directory.merge(0)
    found = [table["chunk"].to_pylist() for _, table in read_rows(directory.path, chunks)]
    assert sorted(itertools.chain(*found)) == [0, 1, 2]
    directory.close()


def test_a_creation_that_was_killed_is_begun_again(tmp_path):
    RunDirectory.create(tmp_path / "run", {}, RUNS).close()
    (tmp_path / "run/manifest.json").rename(tmp_path / "run/.manifest.json.7.partial")
    for name in (".ledger.copy.7.partial", "ledger.sqlite-journal"):
        (tmp_path / "run" / name).write_bytes(b"half")
    directory = RunDirectory.create(tmp_path / "run", {"a": 1}, RUNS)
    assert directory.manifest == {"a": 1}
    assert not list((tmp_path / "run").glob(".*"))
    directory.close()


@pytest.mark.parametrize("site", range(6))
def test_a_disk_that_fills_at_any_write_loses_nothing_acknowledged(tmp_path, monkeypatch, site):
    """Each chunk syncs four times (shard and checkpoint, file and folder): the n-th fails."""
    directory = RunDirectory.create(tmp_path / "run", {}, RUNS)
    acknowledge(directory, 0)
    fsync, calls = os.fsync, []

    def fail_later(fd):
        calls.append(fd)
        if len(calls) == site + 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail_later)
    if site < 4:
        with pytest.raises(StoreError, match="disk is full"):
            acknowledge(directory, 1)
    else:
        acknowledge(directory, 1)
    monkeypatch.undo()
    directory.close()
    again = RunDirectory.open(tmp_path / "run", writing=True)
    assert again.missing(0, 0, 2) == ([1] if site < 4 else [])
    assert again.damaged() == []
    acknowledge(again, 1)
    assert again.missing(0, 0, 2) == []
    again.close()


def test_no_run_directory_is_told(tmp_path):
    with pytest.raises(StoreError, match="is not a run directory"):
        RunDirectory.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match=r"ledger\.sqlite cannot be read"):
        RunDirectory.open(tmp_path)


def killed(folder):
    """A run directory of three chunks whose process was killed."""
    directory = RunDirectory.create(folder / "alive", {"a": 1}, RUNS)
    for chunk in range(3):
        acknowledge(directory, chunk)
    shutil.copytree(folder / "alive", folder / "run")
    directory.close()
    return folder / "run"


def test_a_damaged_manifest_is_written_again_from_the_ledger(tmp_path):
    path = killed(tmp_path)
    (path / "manifest.json").write_text('{"a": 2}')
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        RunDirectory.open(path)
    directory = RunDirectory.open(path, writing=True)
    assert "manifest.json is damaged" in directory.mended[0]
    assert json.loads((path / "manifest.json").read_text()) == {"a": 1}
    directory.close()


@pytest.mark.parametrize("how", ["nonsense", "gone"])
def test_a_damaged_ledger_goes_on_from_its_copy(tmp_path, how):
    directory = RunDirectory.create(tmp_path / "run", {"a": 1}, RUNS)
    acknowledge(directory, 0)
    directory.keep_copy(now=True)
    acknowledge(directory, 1)
    directory.close()
    path = tmp_path / "run/ledger.sqlite"
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:2000] + b"nonsense" * 3000)
    with pytest.raises(StoreError, match=r"ledger\.sqlite"):
        RunDirectory.open(tmp_path / "run")
    again = RunDirectory.open(tmp_path / "run", writing=True)
    assert "Going on from its copy with 2 transactions" in again.mended[0]
    assert again.missing(0, 0, 2) == [1]
    assert path.with_name("ledger.sqlite.damaged").exists() == (how == "nonsense")
    again.close()


def test_a_ledger_that_lost_its_log_goes_on_from_what_is_left(tmp_path):
    path = killed(tmp_path)
    log = path / "ledger.sqlite-wal"
    log.write_bytes(log.read_bytes()[:-4096])
    directory = RunDirectory.open(path, writing=True)
    assert "Going on from what is left of it" in directory.mended[0]
    assert directory.missing(0, 0, 3) == [2]
    directory.close()
    RunDirectory.open(path).close()


def test_without_ledger_and_copy_the_directory_is_given_up(tmp_path):
    path = killed(tmp_path)
    for name in ("ledger.sqlite", "ledger.copy"):
        (path / name).write_bytes(b"nonsense" * 999)
    with pytest.raises(StoreError, match=r"ledger\.copy does not help either"):
        RunDirectory.open(path, writing=True)


@pytest.mark.parametrize("name", ["metrics", "checkpoints", "manifest.json", "ledger.sqlite"])
def test_a_link_out_of_the_directory_is_refused(tmp_path, name):
    path = killed(tmp_path)
    os.rename(path / name, tmp_path / "elsewhere")
    (path / name).symlink_to(tmp_path / "elsewhere")
    for writing in (False, True):
        with pytest.raises(StoreError, match=f"{name} is a link"):
            RunDirectory.open(path, writing)


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is denied to root")
def test_a_ledger_that_may_not_be_read_is_not_taken_for_a_damaged_one(tmp_path):
    path = killed(tmp_path)
    (path / "ledger.sqlite").chmod(0)
    with pytest.raises(StoreError, match="cannot be read: Permission denied"):
        RunDirectory.open(path, writing=True)
    assert not (path / "ledger.sqlite.damaged").exists()


def test_a_ledger_that_another_program_holds_is_not_taken_for_a_damaged_one(tmp_path, monkeypatch):
    path = killed(tmp_path)
    monkeypatch.setattr(database, "_PATIENCE", 0.1)
    with sqlite3.connect(path / "ledger.sqlite", isolation_level=None) as other:
        other.execute("pragma locking_mode = exclusive")
        other.execute("begin exclusive")
        with pytest.raises(StoreError, match="cannot be used: database is locked"):
            RunDirectory.open(path, writing=True)
    assert not (path / "ledger.sqlite.damaged").exists()


@pytest.mark.parametrize("keep", [1, 2, 4, 8])
def test_as_many_states_are_kept_as_are_wanted(tmp_path, keep):
    directory = RunDirectory.create(tmp_path / "run", {}, RUNS)
    directory.retain(Retention(newest=keep))
    for chunk in range(12):
        acknowledge(directory, chunk)
        kept = [c.chunk for c in directory.ledger.checkpoints(0)]
        assert kept == list(range(max(0, chunk + 1 - keep), chunk + 1))
    directory.close()


@pytest.mark.parametrize("name", ["SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_WRITE", "SQLITE_PROTOCOL"])
def test_what_a_full_disk_does_to_sqlite_is_not_taken_for_damage(tmp_path, name):
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = name
    wanted = pytest.raises(StoreError, match="Is the disk full")
    with wanted as told, database.explained(tmp_path / "ledger.sqlite"):
        raise error
    assert not isinstance(told.value, DamageError)


def test_a_ledger_is_put_aside_only_once_its_copy_is_in_place(tmp_path, monkeypatch):
    path = killed(tmp_path)
    (path / "ledger.sqlite").write_bytes(b"nonsense" * 2000)

    def full(where, data):
        raise StoreError("the disk is full")

    monkeypatch.setattr(files, "write", full)
    with pytest.raises(StoreError, match="the disk is full"):
        RunDirectory.open(path, writing=True)
    assert (path / "ledger.sqlite").exists()
    monkeypatch.undo()
    RunDirectory.open(path, writing=True).close()
    assert (path / "ledger.sqlite.damaged").exists()


def test_a_creation_that_died_before_its_manifest_is_no_run_directory(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    database.create(path / "ledger.sqlite").close()
    with pytest.raises(StoreError, match="was never begun"):
        RunDirectory.open(path, writing=True)
    assert not (path / "manifest.json").exists()
    RunDirectory.create(path, {"a": 1}, RUNS).close()


def test_nothing_is_written_through_a_link_that_lies_in_wait(tmp_path):
    path, victim = killed(tmp_path), tmp_path / "victim"
    victim.write_text("mine")
    (path / "manifest.json").write_text("{}")
    (path / f".manifest.json.{os.getpid()}.partial").symlink_to(victim)
    RunDirectory.open(path, writing=True).close()
    assert victim.read_text() == "mine" and json.loads((path / "manifest.json").read_text())


def test_a_journal_that_no_sweep_left_is_not_obeyed(tmp_path):
    path = killed(tmp_path)
    (path / "ledger.sqlite-journal").write_bytes(b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + bytes(600))
    for writing in (False, True):
        with pytest.raises(StoreError, match="none of a sweep's files"):
            RunDirectory.open(path, writing)
