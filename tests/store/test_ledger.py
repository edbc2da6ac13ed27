import sqlite3

import pytest

from jaxac.errors import StoreError
from jaxac.store.ledger import Checkpoint, Chunk, Ledger, RunRow

RUNS = [RunRow(0, 0, 0, "pending"), RunRow(1, 0, 1, "pending")]
RUNNING, DONE = ({0: x, 1: x} for x in ("running", "done"))


@pytest.fixture
def ledger(tmp_path):
    made = Ledger.create(tmp_path / "ledger.sqlite", RUNS)
    yield made
    made.close()


def chunk(n):
    return Chunk(0, n, 100 * (n + 1), 0.5, f"s{n}", "aa")


def test_what_was_acknowledged_is_there_for_the_next_process(ledger, tmp_path):
    ledger.acknowledge(chunk(0), Checkpoint(0, 0, "c0", "bb"), RUNNING, {})
    ledger.acknowledge(chunk(1), Checkpoint(0, 1, "c1", "cc"), DONE, {1: (200, "loss")})
    other = Ledger.open(tmp_path / "ledger.sqlite")
    assert other.chunks() == [chunk(0), chunk(1)]
    assert other.checkpoint(0) == Checkpoint(0, 1, "c1", "cc")
    assert [(r.status, r.diverged_step) for r in other.runs()] == [
        ("done", None),
        ("diverged", 200),
    ]
    assert other.seconds("chunks") == 1.0
    other.close()


def test_a_diverged_run_keeps_the_step_where_it_was_first_seen(ledger):
    ledger.acknowledge(chunk(0), Checkpoint(0, 0, "c0", "bb"), RUNNING, {1: (100, "entropy")})
    ledger.acknowledge(chunk(1), Checkpoint(0, 1, "c1", "cc"), DONE, {1: (200, "loss")})
    assert ledger.runs()[1] == RunRow(1, 0, 1, "diverged", 100, "entropy")


def test_a_failed_acknowledgement_changes_nothing(ledger):
    broken = Checkpoint(0, 0, None, "bb")  # pyright: ignore[reportArgumentType]
    with pytest.raises(StoreError):
        ledger.acknowledge(chunk(0), broken, RUNNING, {})
    assert ledger.chunks() == [] and ledger.runs() == RUNS


def test_a_restart_forgets_the_batch_and_says_why(ledger):
    ledger.acknowledge(chunk(0), Checkpoint(0, 0, "c0", "bb"), DONE, {1: (100, "entropy")})
    ledger.restart(0, [0, 1], "bit rot")
    assert ledger.chunks() == [] and ledger.runs() == RUNS and ledger.checkpoint(0) is None


def test_a_decision_and_its_batches_are_recorded_together(ledger):
    leg = {"runs": [0, 1], "share": 0.5}
    ledger.add_leg(leg, {0: {"runs": [0]}, 1: {"runs": [1]}})
    ledger.acknowledge(chunk(0), Checkpoint(0, 0, "c0", "bb"), RUNNING, {1: (100, "entropy")})
    with pytest.raises(StoreError):
        ledger.add_leg(leg, {2: {"runs": [0]}, 1: {"runs": [1]}})  # there is a batch 1 already
    assert ledger.legs() == [leg]
    assert ledger.batches() == {0: {"runs": [0]}, 1: {"runs": [1]}}
    ledger.add_leg(leg, {2: {"runs": [1]}}, replaced=[1])
    assert ledger.runs()[1].status == "running"
    ledger.stop()
    assert [r.status for r in ledger.runs()] == ["stopped", "stopped"]


def test_commits_are_synchronous_and_readers_never_wait(ledger):
    assert ledger._all("pragma synchronous") == [(2,)]
    assert ledger._all("pragma journal_mode") == [("wal",)]


def test_a_missing_damaged_or_newer_ledger_is_named(tmp_path):
    with pytest.raises(StoreError, match="missing"):
        Ledger.open(tmp_path / "none.sqlite")
    (tmp_path / "bad.sqlite").write_bytes(b"not a database, but long enough to look like one" * 9)
    with pytest.raises(StoreError, match=r"bad\.sqlite is damaged"):
        Ledger.open(tmp_path / "bad.sqlite")
    Ledger.create(tmp_path / "new.sqlite", []).close()
    with sqlite3.connect(tmp_path / "new.sqlite") as db:
        db.execute("update meta set value = '99'")
    with pytest.raises(StoreError, match="schema 99"):
        Ledger.open(tmp_path / "new.sqlite")
