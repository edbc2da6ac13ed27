import errno
import os

import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.errors import StoreError
from jaxac.store import checkpoints
from jaxac.store.ledger import RunRow
from jaxac.store.rundir import RunDirectory

RUNS = [RunRow(0, 0, 0, "pending")]
METRICS = {"finite": np.ones(1), "eval_return": np.ones(1)}
STATE = {"params": jnp.arange(3.0)}


def acknowledge(directory, chunk, state=STATE):
    directory.acknowledge(
        0, chunk, 10, 0.1, [0], METRICS, checkpoints.encode(state), {0: "running"}, {}
    )


def test_only_the_newest_checkpoint_is_kept(tmp_path):
    directory = RunDirectory.create(tmp_path / "run", {}, RUNS)
    acknowledge(directory, 0)
    acknowledge(directory, 1, {"params": jnp.arange(3.0) + 1})
    assert [p.name for p in (tmp_path / "run/checkpoints").iterdir()] == [
        "batch-00000-chunk-00001.npz"
    ]
    np.testing.assert_array_equal(directory.restore(0, STATE)["params"], [1.0, 2.0, 3.0])
    assert directory.chunks_done(0) == 2
    directory.close()


def test_a_creation_that_was_killed_is_begun_again(tmp_path):
    RunDirectory.create(tmp_path / "run", {}, RUNS).close()
    (tmp_path / "run/manifest.json").unlink()
    directory = RunDirectory.create(tmp_path / "run", {"a": 1}, RUNS)
    assert directory.manifest == {"a": 1}
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
    assert again.chunks_done(0) == (1 if site < 4 else 2)
    assert again.damaged() == {}
    acknowledge(again, 1)
    assert again.chunks_done(0) == 2
    again.close()


def test_no_run_directory_is_told(tmp_path):
    with pytest.raises(StoreError, match="is not a run directory"):
        RunDirectory.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match=r"manifest\.json cannot be read"):
        RunDirectory.open(tmp_path)
