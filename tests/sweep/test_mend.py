"""Damage costs the training that was in the damaged file, and no more."""

import shutil

import pytest

import jaxac
from jaxac.store.rundir import Retention, RunDirectory
from jaxac.store.verify import verify
from jaxac.sweep import drive, held, run, sizes
from jaxac.sweep.engines import executor, pace
from jaxac.sweep.engines.inline import Inline
from jaxac.sweep.plan import make_plan
from tests.faults.ground import SWEEPS, Notes, acknowledged, compiled_once, outcome


class Trained(Notes):
    """Keeps which chunks were acknowledged anew."""

    def __init__(self):
        super().__init__()
        self.chunks = []

    def advanced(self, facts, told):
        self.chunks.append((told.batch.id, told.chunk))


@pytest.fixture(scope="module", autouse=True)
def programs():
    with compiled_once():
        yield


@pytest.fixture(autouse=True)
def every_chunk_has_a_state(monkeypatch):
    monkeypatch.setattr(pace, "SHARE", 1e9)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pace, "SHARE", 1e9)
        return {
            name: jaxac.run(sweep, folder / name, Notes(), workers=0)
            for name, sweep in SWEEPS.items()
        }


def damaged(results, folder, *names):
    """A copy with files damaged, and what resuming it trains."""
    shutil.copytree(results.path, folder / "run")
    victims = [file for name in names for file in (folder / "run").glob(name)]
    for file in victims:
        data = file.read_bytes()
        file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    told = Trained()
    mended = jaxac.resume(folder / "run", told, workers=0)
    assert outcome(mended) == outcome(results)
    assert verify(folder / "run").problems == []
    assert len(told.notes) == len(victims) == len(names)
    assert all(any(file.name in note for note in told.notes) for file in victims)
    return told.chunks


def test_a_lost_shard_costs_its_batch_alone(whole, tmp_path):
    trained = damaged(whole["everything"], tmp_path, "metrics/batch-00001-all-*")
    assert trained == [(1, chunk) for chunk in range(4)]


def test_a_lost_state_of_a_finished_batch_is_made_again(whole, tmp_path):
    trained = damaged(whole["everything"], tmp_path, "checkpoints/batch-00001-*")
    assert trained == [(1, 3)]
    directory = RunDirectory.open(tmp_path / "run")
    assert [c.chunk for c in directory.ledger.checkpoints(1)] == [3]
    directory.close()


def test_a_rung_is_trained_again_where_the_next_one_needs_its_state(whole, tmp_path):
    directory = RunDirectory.open(whole["halving"].path)
    batches = directory.ledger.batches()
    directory.close()
    last = max(batches)
    (home,) = (
        n
        for n, x in batches.items()
        if x["leg"] == 0 and set(x["runs"]) & set(batches[last]["sources"])
    )
    names = [f"checkpoints/batch-{n:05d}-*" for n in (home, last)]
    assert damaged(whole["halving"], tmp_path / "state", names[1]) == [(last, 3)]
    assert damaged(whole["halving"], tmp_path / "both", *names) == [(home, 1), (last, 3)]


class Stop(Trained):
    """Dies in the middle of the second batch."""

    def advanced(self, facts, told):
        super().advanced(facts, told)
        if (told.batch.id, told.chunk) == (1, 2):
            raise RuntimeError("stopped")


@pytest.mark.parametrize(
    ("which", "again"), [("newest", [(1, 3)]), ("both", [(1, 3)]), ("shard", [(1, 1), (1, 3)])]
)
def test_a_batch_under_way_goes_on_from_the_newest_state_that_is_left(
    whole, tmp_path, which, again, monkeypatch
):
    with pytest.raises(RuntimeError):
        jaxac.run(SWEEPS["everything"], tmp_path / "run", Stop(), workers=0)
    there = acknowledged(tmp_path / "run")
    folder = tmp_path / "run/checkpoints"
    newest = sorted(folder.glob("batch-00001-*"))
    assert [x.name[12:23] for x in newest] == ["chunk-00001", "chunk-00002"]
    victims = {"newest": newest[-1:], "both": newest, "shard": []}[which]
    victims += (tmp_path / "run/metrics").glob("batch-00001-chunk-00001*") if not victims else []
    for file in victims:
        file.unlink()
    restored, begun = [], executor.Executor._restored

    def counting(self, batch, chunk):
        states, first = begun(self, batch, chunk)
        restored.append((batch.id, first))
        return states, first

    monkeypatch.setattr(executor.Executor, "_restored", counting)
    told = Trained()
    assert outcome(jaxac.resume(tmp_path / "run", told, workers=0)) == outcome(whole["everything"])
    assert [c for c in told.chunks if c in there or c[0] == 1] == again
    expected = {"newest": [(1, 2)], "both": [(1, 0)], "shard": [(1, 0), (1, 3)]}[which]
    assert [x for x in restored if x[0] == 1] == expected


def test_states_are_saved_so_rarely_that_they_cost_next_to_nothing(monkeypatch):
    monkeypatch.setattr(pace, "SHARE", 0.03)
    one, made = pace.Pace(), []
    for chunk in range(20):
        if one.is_due(1.0):  # a second of training, and a state takes a tenth
            one.saved(0.1)
            made.append(chunk)
    assert made == [0, 4, 8, 12, 16]
    assert 0.1 * len(made) <= 0.03 * 20


def test_without_states_of_finished_runs_none_are_left(whole, tmp_path):
    for name, sweep in SWEEPS.items():
        path = tmp_path / name
        found = jaxac.run(sweep, path, Notes(), 0, Retention(finished=False))
        assert outcome(found) == outcome(whole[name])
        assert not list((path / "checkpoints").iterdir()) and verify(path).problems == []
        assert outcome(jaxac.resume(path, Notes(), 0)) == outcome(whole[name])


def test_more_states_are_kept_if_that_is_wanted(tmp_path):
    with pytest.raises(RuntimeError):
        jaxac.run(SWEEPS["everything"], tmp_path / "run", Stop(), 0, Retention(newest=3))
    assert len(list((tmp_path / "run/checkpoints").glob("batch-00001-*"))) == 3


def test_the_size_that_is_told_before_is_that_of_the_files_after(whole):
    plan = make_plan(SWEEPS["everything"])
    most, end = sizes.states(plan, Retention())
    found = [x.stat().st_size for x in (whole["everything"].path / "checkpoints").iterdir()]
    assert end == 12 * plan.groups[0].lane_bytes + 6 * 4 or 0 < end <= sum(found) < end + 1200 * 3
    assert most > end and sizes.states(plan, Retention(finished=False))[1] == 0


class Mute:
    """Workers that die after some chunks are acknowledged, before they tell of them."""

    slots = 1

    def __init__(self, plan, directory, progress, untold):
        self.inline = Inline(plan, directory, progress)
        self.untold = set(untold)

    def next(self, batches):
        told = self.inline.next(batches)
        while (told.batch.id, told.chunk) in self.untold:
            self.untold.discard((told.batch.id, told.chunk))
            self.inline._batch = None  # another process takes over
            told = self.inline.next(batches)
        return told

    def drain(self):
        return False

    def close(self):
        self.inline.close()


@pytest.mark.parametrize("untold", [[(1, 3)], [(1, 1)], [(0, 0), (0, 3), (2, 2)]])
def test_chunks_that_a_worker_could_not_tell_of_any_more_are_taken_note_of(
    whole, tmp_path, monkeypatch, untold
):
    monkeypatch.setattr(run, "_engine", lambda *made, **_: Mute(*made[:3], untold))
    found = jaxac.run(SWEEPS["everything"], tmp_path / "run", Notes(), workers=0)
    assert outcome(found) == outcome(whole["everything"])
    assert verify(tmp_path / "run").problems == []


def test_a_batch_waits_for_the_one_that_it_begins_with(whole, tmp_path):
    directory = RunDirectory.open(whole["halving"].path)
    facts = drive.acknowledged(held.plan(directory), directory)
    directory.close()
    last = max(facts.batches)
    (home,) = (
        n
        for n, x in facts.batches.items()
        if x.leg == 0 and set(x.runs) & set(facts.batches[last].sources)
    )
    for n, chunk in ((home, 1), (last, 3)):
        facts.open[n] = facts.batches[n]
        facts.left[n] = {chunk}
        facts.again.add((n, chunk))
    assert [batch.id for batch in facts.next] == [home]
    facts.add(facts.batches[home], 1, [0.0] * len(facts.batches[home].runs))
    assert [batch.id for batch in facts.next] == [last]


def test_a_state_that_is_gone_without_damage_is_made_again(whole, tmp_path):
    """As after a migration that forgot every state, in the middle of a later rung."""
    with pytest.raises(RuntimeError):
        jaxac.run(SWEEPS["halving"], tmp_path / "run", StopIn(6), workers=0)
    directory = RunDirectory.open(tmp_path / "run", writing=True)
    for number in directory.ledger.batches():
        directory.drop_checkpoints(number)
    directory.close()
    told = Trained()
    assert outcome(jaxac.resume(tmp_path / "run", told, workers=0)) == outcome(whole["halving"])
    assert "states are gone that others begin with" in told.notes[0]


class StopIn(Notes):
    """Dies in a batch."""

    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def advanced(self, facts, told):
        if told.batch.id == self.batch:
            raise RuntimeError("stopped")
