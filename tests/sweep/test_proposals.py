"""Configurations that are proposed as a sweep goes."""

import sys

import numpy as np
import pytest

import jaxac
from jaxac.errors import SweepError
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

from .test_run import StopAfter, outcome

WORDS = {
    "algorithm": "tests.sweep.tiny:RECORD",
    "env": "probe/ConstantReward",
    "total_steps": 20,
    "evaluations": 2,
    "seeds": 2,
    "lanes": 8,
    "configs": 22,
    "scheduler": {"op": "Optuna", "batch": 8},
}
SPACE = {
    "width": [2, 3],
    "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True, "when": {"width": 3}},
    "surge": [0.0, float("inf")],
    "surge_at": [1.0],
}
SWEEP = Sweep(**WORDS, space=SPACE, env_params={"reward_scale": {"low": 0.0, "high": 100.0}})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return jaxac.run(SWEEP, tmp_path_factory.mktemp("whole") / "run", Quiet())


def test_the_sampler_begins_and_proposals_fill_up(whole):
    drawn = jaxac.Sweep(**{**WORDS, "configs": 8, "scheduler": "Everything"}, space=SPACE)
    first = jaxac.sweep.plan.make_plan(drawn).configs
    assert len(whole.configs) == 22 and len(whole.table()) == 22
    for config, points in zip(first, whole.configs.to_dict("records"), strict=False):
        assert config.swept["width"] == points["width"]
    assert len(whole.status) == 44 and set(whole.status) == {"done", "diverged"}


def test_what_is_proposed_is_better_and_leaves_what_diverges(whole):
    def mean(configs):
        return np.mean([c["env.reward_scale"] for c in configs])

    def lost(configs):
        return np.mean([c["surge"] for c in configs] == np.array("inf"))

    points = whole.configs.to_dict("records")
    assert mean(points[14:]) > mean(points[:8]) + 20.0
    assert lost(points[8:]) < lost(points[:8])


def test_conditions_hold_for_proposals(whole):
    for point, hp in ((whole.configs.loc[i], whole.hp(i)) for i in range(22)):
        assert hp["width"] == point["width"]
        if point["width"] == 3:
            assert 1e-3 <= hp["learning_rate"] == point["learning_rate"] <= 1e-1
        else:
            assert np.isnan(point["learning_rate"]) and hp["learning_rate"] == 0.1


@pytest.mark.parametrize("stop", [0, 5, 9, 13])
def test_a_stopped_sweep_proposes_the_same(whole, tmp_path, stop):
    with pytest.raises(KeyboardInterrupt):
        jaxac.run(SWEEP, tmp_path / "run", StopAfter(stop))
    assert outcome(jaxac.resume(tmp_path / "run", Quiet())) == outcome(whole)


def test_workers_train_what_is_proposed_while_they_run(whole, tmp_path):
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", Quiet(), workers=2)) == outcome(whole)


def test_each_task_is_a_study_of_its_own(tmp_path):
    words = {**WORDS, "env": ["probe/ConstantReward", "probe/ObservedValue"], "configs": 6}
    words["scheduler"] = {"op": "Optuna", "batch": 3, "proposals": {"op": "Evolution"}}
    results = jaxac.run(
        Sweep(**words, space={"learning_rate": SPACE["learning_rate"] | {"when": {}}}),
        tmp_path / "run",
        Quiet(),
    )
    envs = results.configs["env"].tolist()
    assert envs == [env for env in words["env"] * 2 for _ in range(3)]
    assert results.table()["config"].tolist().count(0) == 1 and len(results.table()) == 12


def test_a_missing_package_is_named_with_the_command(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SweepError, match=r'pip install "jaxac\[optuna\]"'):
        jaxac.run(SWEEP, tmp_path / "run", Quiet())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sampler": "grid"}, "cannot be grid"),
        ({"configs": None}, "configs = N"),
        ({"space": {}, "env_params": {}}, "needs a [space]"),
    ],
)
def test_a_contradiction_is_named(changes, words):
    with pytest.raises(SweepError) as caught:
        Sweep(**{**WORDS, "space": SPACE, **changes})
    assert words in str(caught.value)
