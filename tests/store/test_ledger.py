import json
import shutil
import sqlite3

import pytest

from jaxac.errors import DamageError, StoreError
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


def test_what_is_forgotten_is_told_and_its_runs_train_again(ledger):
    for n in range(3):
        ledger.acknowledge(chunk(n), Checkpoint(0, n, f"c{n}", "bb"), DONE, {1: (100, "entropy")})
    ledger.forget([(0, 1)], [(0, 2)], [0, 1], "bit rot")
    assert ledger.chunks() == [chunk(0), chunk(2)]
    assert [c.chunk for c in ledger.checkpoints()] == [0, 1]
    assert [r.status for r in ledger.runs()] == ["running", "diverged"]
    told = list(map(json.loads, ledger.events("forgotten")))
    assert [(x["what"], x["which"]) for x in told] == [
        ("chunks", [[0, 1]]),
        ("checkpoints", [[0, 2]]),
    ]


def test_merged_shards_hold_the_chunks_and_the_old_ones_are_no_more(ledger):
    chunks = [chunk(n) for n in range(3)]
    for c in chunks:
        ledger.acknowledge(c, None, RUNNING, {})
    ledger.merge(chunks, "all", "ff")
    assert [(c.chunk, c.env_steps, c.shard, c.shard_seal) for c in ledger.chunks()] == [
        (n, 100 * (n + 1), "all", "ff") for n in range(3)
    ]
    assert ledger._all("select count(*) from shards") == [(1,)]


def test_the_newest_state_before_a_chunk_is_found(ledger):
    for n in (0, 3, 6):
        ledger.acknowledge(chunk(n), Checkpoint(0, n, f"c{n}", "bb"), RUNNING, {})
    found = [ledger.checkpoint(0, before) for before in (0, 1, 3, 4, 9)]
    assert [c and c.chunk for c in found] == [None, 0, 0, 3, 6]


def test_a_run_that_another_batch_took_over_diverges_no_more(ledger):
    ledger.add_leg({}, {0: {"runs": [0, 1]}, 1: {"runs": [1]}})
    ledger.acknowledge(chunk(0), None, RUNNING, {0: (100, "loss"), 1: (100, "loss")})
    assert [r.status for r in ledger.runs()] == ["diverged", "running"]


CHANGES = (
    "update runs set status = 'done' where run = 1",
    "update chunks set seconds = 0.25",
    "delete from chunks where chunk = 1",
    "insert into events values (7, 'narrowed', '{}')",
    "update legs set detail = '{}'",
    "update documents set content = '{\"hash\": 1}'",
)


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_no_sweep_wrote_is_noticed(ledger, tmp_path, change):
    ledger.add_leg({"runs": [0]}, {})
    for n in range(2):
        ledger.acknowledge(chunk(n), None, RUNNING, {})
    ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute(change)
    db.close()
    for writing in (False, True):
        with pytest.raises(StoreError, match=r"ledger\.sqlite is damaged.*differ from what"):
            Ledger.open(tmp_path / "ledger.sqlite", writing)


@pytest.mark.parametrize(
    "addition",
    [
        "create trigger t after insert on runs begin delete from chunks; end",
        "create view v as select load_extension('x')",
        "create table more (x)",
        "create index i on chunks (shard)",
    ],
)
def test_a_ledger_with_anything_but_its_tables_is_refused(ledger, tmp_path, addition):
    ledger.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as db:
        db.execute(addition)
    db.close()
    with pytest.raises(StoreError, match=r"more than tables|other tables"):
        Ledger.open(tmp_path / "ledger.sqlite")


def test_a_ledger_whose_log_is_gone_lacks_transactions(ledger, tmp_path):
    """A killed sweep leaves its last transactions in the log."""
    ledger.acknowledge(chunk(0), None, RUNNING, {})
    for folder in (tmp_path / "killed", tmp_path / "cut"):
        folder.mkdir()
        for name in ("ledger.sqlite", "ledger.count", "ledger.sqlite-wal"):
            shutil.copy(tmp_path / name, folder / name)
    assert len(Ledger.open(tmp_path / "killed/ledger.sqlite", writing=False).chunks()) == 1
    log = tmp_path / "cut/ledger.sqlite-wal"
    log.write_bytes(log.read_bytes()[:-4096])
    with pytest.raises(StoreError, match=r"it has 1 of the 2 transactions"):
        Ledger.open(tmp_path / "cut/ledger.sqlite", writing=False)


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
    with pytest.raises(StoreError, match=r"none\.sqlite cannot be read \(No such file"):
        Ledger.open(tmp_path / "none.sqlite")
    (tmp_path / "bad.sqlite").write_bytes(b"not a database, but long enough to look like one" * 9)
    with pytest.raises(StoreError, match=r"bad\.sqlite is damaged"):
        Ledger.open(tmp_path / "bad.sqlite")
    Ledger.create(tmp_path / "new.sqlite", []).close()
    with sqlite3.connect(tmp_path / "new.sqlite") as db:
        db.execute("update meta set value = '99' where key = 'schema'")
    with pytest.raises(DamageError, match="schema is '99'"):  # its tables are those of this one
        Ledger.open(tmp_path / "new.sqlite")
    with sqlite3.connect(tmp_path / "new.sqlite") as db:
        db.execute("create table more (x)")
    with pytest.raises(StoreError, match="has schema 99, this jaxac reads"):
        Ledger.open(tmp_path / "new.sqlite")
