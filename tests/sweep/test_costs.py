"""What a sweep will take on this device: measured once, then known."""

import dataclasses
import json

import pytest

import jaxac
from jaxac.sweep import costs, device, lanes
from jaxac.sweep.plan import make_plan
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

from .test_run import WORDS, outcome

SWEEP = Sweep(**{**WORDS, "lanes": None, "seeds": 40}, fixed={"width": 64})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compiled(monkeypatch):
    widths, compile_program = [], lanes.compile_program

    def counted(plan, group, width):
        widths.append(width)
        return compile_program(plan, group, width)

    monkeypatch.setattr(lanes, "compile_program", counted)
    return widths


def test_two_small_widths_foretell_the_memory_of_a_wide_program(monkeypatch):
    monkeypatch.setattr(device, "is_cpu", lambda: False)  # all lanes at once
    plan = make_plan(SWEEP)
    line = costs.memory(plan, plan.groups[0])
    for width in (16, 40):
        said = lanes.compile_program(plan, plan.groups[0], width).bytes
        assert line(width) == pytest.approx(said, rel=0.05)
    assert line.lanes(line(17) + 1.0) == 17 and line.lanes(0.0) == 1


def test_what_was_measured_is_known_to_the_next_process(compiled, cache):
    plan = make_plan(SWEEP)
    group = plan.groups[0]
    assert not costs.known(plan, group)
    first = costs.memory(plan, group), costs.costs(plan, group)
    assert compiled == [2, 8, group.width, group.width] and costs.known(plan, group)
    assert (costs.memory(plan, group), costs.costs(plan, group)) == first
    longer = make_plan(dataclasses.replace(SWEEP, total_steps=7000, evaluations=2))
    assert costs.memory(longer, longer.groups[0]) == first[0]  # chunks are longer, no more
    assert len(compiled) == 4
    other = make_plan(dataclasses.replace(SWEEP, fixed={"width": 9}))
    assert costs.memory(other, other.groups[0]).per_lane < first[0].per_lane
    for file in (cache / "jaxac" / "costs").iterdir():
        file.write_text("{")
    assert costs.memory(plan, group) == first[0] and compiled[-2:] == [2, 8]


def test_a_cache_that_cannot_be_written_costs_time_alone(cache):
    cache.write_text("no folder")
    plan = make_plan(SWEEP)
    assert costs.memory(plan, plan.groups[0]).per_lane > 0.0


def test_time_is_that_of_all_batches_one_after_another():
    group = make_plan(SWEEP).groups[0]
    times = costs.Costs(bytes=1, compile=7.0, update=0.5, beside=0.125, evaluation=0.25)
    assert group.num_batches == 3 and (group.num_chunks, group.num_updates) == (5, 4)
    assert times.whole(group) == 7.0 + 3 * 5 * (4 * 0.5 + 0.125 + 0.25)


@pytest.mark.parametrize(("update", "beside"), [(0.003, 0.01), (2.0, 0.0)])
def test_what_a_chunk_takes_beside_its_updates_is_told_apart(update, beside, monkeypatch):
    """A buffer that is carried into a chunk and out of it is no part of an update."""
    plan, compile_program, longest = make_plan(SWEEP), lanes.compile_program, []

    def compiled(plan, group, width):
        longest.append(max(c.hp.num_updates for c in plan.configs))
        return compile_program(plan, group, width)

    monkeypatch.setattr(lanes, "compile_program", compiled)
    monkeypatch.setattr(costs, "_seconds", lambda step, states: longest[-1] * update + beside)
    found = costs.costs(plan, plan.groups[0])
    assert found.update == pytest.approx(update) and found.beside == pytest.approx(beside)
    assert longest == ([1, 2 + int(0.2 / 0.013)] if update < 1 else [1])


def test_a_method_with_a_warm_up_is_measured_while_it_learns():
    plan = make_plan(dataclasses.replace(SWEEP, algorithm="sac", env="Pendulum-v1", fixed={}))
    short = costs._shortened(plan, plan.groups[0], 3)
    assert {(c.hp.warm_up, c.hp.num_updates) for c in short.configs} == {(0.0, 3)}
    assert {c.hp.warm_up for c in plan.configs} == {1_000}


def test_an_accelerator_is_filled_as_far_as_its_memory_goes(compiled, tmp_path, monkeypatch):
    whole = outcome(jaxac.run(SWEEP, tmp_path / "cpu", Quiet(), workers=0))
    monkeypatch.setattr(device, "is_cpu", lambda: False)
    plan = make_plan(SWEEP)
    assert plan.groups[0].width == 40
    needed = costs.memory(plan, plan.groups[0])(20)
    monkeypatch.setattr(device, "free_bytes", lambda: needed / (1.0 - costs.KEPT_FREE) + 1.0)
    del compiled[:]
    results = jaxac.run(SWEEP, tmp_path / "run", Quiet())
    assert compiled == [20] and outcome(results) == whole
    assert [g["width"] for g in json.loads((tmp_path / "run/manifest.json").read_text())["groups"]]
    monkeypatch.setattr(device, "free_bytes", lambda: 1e12)  # another time, another width: no
    assert outcome(jaxac.resume(tmp_path / "run", Quiet())) == whole
