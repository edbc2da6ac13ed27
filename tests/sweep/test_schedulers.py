"""What schedulers decide, from scores alone; and that sweeps under them lose nothing."""

import collections
import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxac
from jaxac.cli import shown
from jaxac.core import replace
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import schedulers
from jaxac.sweep.facts import Facts
from jaxac.sweep.plan import make_plan
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

from . import tiny
from .test_run import StopAfter, outcome

WORDS = {
    "algorithm": "tests.sweep.tiny:RECORD",
    "env": "probe/ConstantReward",
    "total_steps": 135,  # 27 updates of 5 steps
    "evaluations": 27,
    "seeds": 2,
    "lanes": 4,
}
SPACE = {"learning_rate": {"low": 0.1, "high": 2.0}}


def planned(scheduler, configs=27, **changes):
    return make_plan(
        Sweep(**{**WORDS, **changes}, configs=configs, space=SPACE, scheduler=scheduler)
    )


def simulate(plan, score, capacity=10**6):
    """Decide and score until nothing is left to do; `score(config, share)` of a whole rung."""
    facts, order = Facts(plan), collections.deque()
    while True:
        while True:
            facts.idle = capacity - sum(b.width for b in facts.open.values())
            legs = plan.sweep.chosen_scheduler.next(facts)
            for leg in legs:
                batches = facts.split(leg)
                facts.decided(leg, batches)
                order += batches
            if not legs:
                break
        if not order:
            return facts
        batch = order.popleft()
        for chunk in range(batch.first, batch.until):
            share = (chunk + 1) / plan.groups[batch.group].num_chunks
            configs = [plan.run(run).config for run in batch.runs]
            facts.add(batch, chunk, [score(c, share) for c in configs])


def lengths(facts):
    """How many chunks each configuration got."""
    seeds = len(facts.plan.sweep.seed_list)
    return [len(facts.curve(c * seeds)) for c in range(len(facts.plan.configs))]


def test_everything_trains_every_run_to_its_end():
    assert lengths(simulate(planned("Everything"), lambda c, share: 0.0)) == [27] * 27


def test_halving_keeps_the_best_third_of_each_rung():
    facts = simulate(planned("Halving"), lambda c, share: c)
    assert lengths(facts) == [1] * 18 + [3] * 6 + [9] * 2 + [27]
    steps = sum(lengths(facts)) / (27 * 27)
    assert steps == (18 + 18 + 18 + 27) / 729


def test_halving_judges_by_what_was_reached_and_not_by_what_was_there_before():
    """Who leads early and falls behind is stopped when that shows."""
    facts = simulate(planned("Halving"), lambda c, share: c if share > 0.05 else -c)
    survivors = [c for c, n in enumerate(lengths(facts)) if n > 1]
    assert survivors == list(range(9)) and lengths(facts)[8] == 27


def test_a_diverged_configuration_is_never_promoted():
    facts = simulate(planned("Halving"), lambda c, share: np.nan if c == 26 else c)
    assert lengths(facts)[25:] == [27, 1]


def test_environments_are_halved_apart():
    plan = planned("Halving", configs=9, env=["probe/ConstantReward", "probe/ObservedValue"])
    facts = simulate(plan, lambda c, share: c)
    assert [lengths(facts)[i : i + 9].count(1) for i in (0, 9)] == [6, 6]


def test_hyperband_deals_configurations_out_to_brackets_of_equal_training():
    scheduler = schedulers.Hyperband()
    brackets = scheduler.brackets(list(range(54)))
    assert sum(map(len, brackets)) == 54 and brackets[0][0] == 0
    assert [len(b) for b in brackets] == sorted(map(len, brackets), reverse=True)
    facts = simulate(planned("Hyperband", configs=54), lambda c, share: c)
    spent = [sum(lengths(facts)[c] for c in b) for b in brackets]
    assert max(spent) <= 1.5 * min(spent)
    assert all(lengths(facts)[b[-1]] == 27 for b in brackets), "the best of each goes to the end"


@pytest.mark.parametrize("capacity", [4, 16, 10**6])
def test_asha_promotes_no_more_than_a_third_of_a_rung_and_never_waits_for_one(capacity):
    rng = np.random.default_rng(0)
    quality = rng.permutation(27)
    facts = simulate(planned("ASHA"), lambda c, share: quality[c], capacity)
    counts = [sum(n >= k for n in lengths(facts)) for k in (1, 3, 9, 27)]
    assert counts[0] == 27 and counts[-1] >= 1
    for below, above in itertools.pairwise(counts):
        assert above <= below / 3 + 3  # a few too many are promoted before the rung is full
    best = int(np.argmax(quality))
    assert lengths(facts)[best] == 27


def test_a_plateau_stops_who_does_not_grow():
    grows = {0: lambda t: t, 1: lambda t: min(t, 0.3), 2: lambda t: 0.0, 3: lambda t: np.nan}
    plan = planned({"op": "Plateau", "patience": 2, "looks": 9}, configs=4)
    facts = simulate(plan, lambda c, share: grows[c](share))
    assert lengths(facts) == [27, 15, 9, 3]


def test_population_training_copies_the_best_and_tries_values_nearby():
    plan = planned({"op": "PBT", "generations": 3}, configs=8)
    facts = simulate(plan, lambda c, share: c)
    assert lengths(facts) == [27] * 8
    first, second = facts.legs[1:]
    for leg in (first, second):
        assert {run // 2 for run in leg.sources} == {0, 1}, "the worst quarter"
        assert {source // 2 for source in leg.sources.values()} <= {6, 7}, "the best quarter"
        assert all(run % 2 == source % 2 for run, source in leg.sources.items()), "seeds apart"
    for run, source in first.sources.items():
        before = plan.configs[source // 2].swept["learning_rate"]
        ratio = first.changes[run]["learning_rate"] / before
        at_bound = first.changes[run]["learning_rate"] in (0.1, 2.0)
        assert at_bound or any(np.isclose(ratio, x) for x in (1.2, 1 / 1.2))
    assert facts.values()[0] == dict(second.changes[0])


ALL = ("Halving", "Hyperband", "ASHA", {"op": "Plateau", "looks": 3}, {"op": "PBT"})


def swept(scheduler, path, progress=None):
    words = {**WORDS, "evaluations": 9}
    sweep = Sweep(**words, configs=9, space=SPACE, scheduler=scheduler)
    return jaxac.run(sweep, path, progress or Quiet())


@pytest.mark.parametrize("scheduler", ALL, ids=str)
def test_a_sweep_that_was_stopped_decides_as_it_would_have(scheduler, tmp_path):
    whole = outcome(swept(scheduler, tmp_path / "whole"))
    for stop in (0, 3, 7):
        path = tmp_path / str(stop)
        with pytest.raises(KeyboardInterrupt):
            swept(scheduler, path, StopAfter(stop))
        assert outcome(jaxac.resume(path, Quiet())) == whole


def test_a_run_that_changes_its_neighbours_and_its_width_goes_on_as_it_would_have(tmp_path):
    everything = swept("Everything", tmp_path / "everything").wide
    results = swept("Halving", tmp_path / "halving")
    keys = ["config", "seed", "step"]
    part = everything.merge(results.wide[keys], on=keys)
    assert len(results.wide) < len(everything) / 2
    np.testing.assert_array_equal(part["eval_return"], results.wide["eval_return"])
    counts = results.status.value_counts()
    assert counts["done"] == 2 and counts["stopped"] == 16
    table = results.table()
    assert table["stopped"].tolist() == [0] + [2] * 8 and table["step"].is_monotonic_decreasing


def test_a_copied_run_goes_on_from_the_state_of_its_source_with_its_own_new_values(tmp_path):
    """Against the algorithm called by hand, its learning rate changed halfway."""
    words = {**WORDS, "total_steps": 40, "evaluations": 2}
    sweep = Sweep(**words, configs=8, space=SPACE, scheduler={"op": "PBT", "generations": 2})
    results = jaxac.run(sweep, tmp_path / "run", Quiet())
    directory = RunDirectory.open(results.path)
    _, leg = directory.ledger.legs()
    directory.close()
    algorithm = tiny.make(jaxac.make_env("probe/ConstantReward"))
    wide = results.wide.set_index(["config", "seed", "step"])["eval_return"]
    assert len(leg["sources"]) == 4
    for run, source in leg["sources"].items():
        rate = results.configs.loc[source // 2, "learning_rate"]
        hp = tiny.Tiny(learning_rate=rate, num_updates=4)
        state, _ = algorithm.chunk(algorithm.init(jax.random.key(source % 2), hp))
        changed = replace(state.hp, learning_rate=jnp.float32(leg["changes"][run]["learning_rate"]))
        state, _ = algorithm.chunk(replace(state, hp=changed))
        got = wide.loc[(int(run) // 2, int(run) % 2, 40)]
        np.testing.assert_allclose(got, algorithm.evaluate(state)["eval_return"], rtol=1e-6)


@pytest.mark.parametrize("folder", ["metrics", "checkpoints"])
@pytest.mark.parametrize("scheduler", ["Halving", {"op": "PBT", "generations": 3}], ids=str)
def test_damage_in_any_rung_is_mended_and_nothing_else_changes(scheduler, folder, tmp_path):
    results = swept(scheduler, tmp_path / "run")
    whole = outcome(results) + str(results.status.to_dict())
    for victim in sorted((results.path / folder).iterdir())[::3]:
        victim.write_bytes(victim.read_bytes()[:-1] + b"\0\0")
        mended = jaxac.resume(results.path, Quiet())
        assert outcome(mended) + str(mended.status.to_dict()) == whole


def test_checkpoints_that_nobody_needs_are_deleted(tmp_path):
    results = swept({"op": "PBT", "generations": 9}, tmp_path / "run")
    directory = RunDirectory.open(results.path)
    assert len(directory.ledger.batches()) == 9 * 5
    directory.close()
    assert len(list((results.path / "checkpoints").iterdir())) <= 2 * 5


def test_what_stopping_saved_is_counted(tmp_path, capsys):
    sweep = Sweep(**{**WORDS, "evaluations": 9}, configs=9, space=SPACE, scheduler="Halving")
    results = jaxac.run(sweep, tmp_path / "run", Quiet())
    per_run = results.wide.groupby(["config", "seed"])["step"].max()
    assert results.env_steps == per_run.sum() < len(per_run) * sweep.total_steps
    assert shown.saved(results).startswith(f"trained {results.env_steps} env steps, ")
    everything = dataclasses.replace(sweep, scheduler="Everything")
    assert shown.saved(jaxac.run(everything, tmp_path / "all", Quiet())) == ""
