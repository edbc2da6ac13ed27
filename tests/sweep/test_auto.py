"""Where a sweep trains: in this process, and in workers once that saves time."""

import pytest

import jaxac
from jaxac.sweep import device
from jaxac.sweep.engines import auto
from jaxac.sweep.engines.auto import Auto

from .test_run import SWEEP, Notes, outcome


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return outcome(jaxac.run(SWEEP, tmp_path_factory.mktemp("inline") / "run", Notes(), workers=0))


@pytest.fixture
def cores(monkeypatch):
    monkeypatch.setattr(device, "cores", lambda: [0, 1])


def test_a_short_sweep_stays_in_one_process(whole, cores, tmp_path):
    notes = Notes()
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", notes)) == whole
    assert notes.notes == []


def test_workers_take_over_where_they_save_time(whole, cores, tmp_path, monkeypatch):
    monkeypatch.setattr(auto, "START", -1.0)
    notes = Notes()
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", notes)) == whole
    assert notes.notes[0].startswith("2 worker processes take over")


def test_workers_that_are_slower_are_left_again(whole, cores, tmp_path, monkeypatch):
    monkeypatch.setattr(auto, "START", -1.0)
    monkeypatch.setattr(auto, "LOOKS", 1)
    monkeypatch.setattr(Auto, "_rate", lambda self: 1.0 if self.slots > 1 else 2.0)
    notes = Notes()
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", notes)) == whole
    assert len(notes.notes) == 2 and "back to that" in notes.notes[1]


def test_one_core_has_no_use_for_workers(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(device, "cores", lambda: [0])
    monkeypatch.setattr(auto, "START", -1.0)
    notes = Notes()
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", notes)) == whole
    assert notes.notes == []


def test_who_asks_for_one_process_gets_it(whole, cores, tmp_path, monkeypatch):
    monkeypatch.setattr(auto, "START", -1.0)
    notes = Notes()
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", notes, workers=0)) == whole
    assert notes.notes == []
