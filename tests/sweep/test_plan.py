import jax
import numpy as np
import pytest

from jaxac.sweep.batches import split, width_for
from jaxac.sweep.plan import chunks, lanes_of, make_plan
from jaxac.sweep.schedulers.role import Leg
from jaxac.sweep.spec import Sweep

WORDS = {
    "algorithm": "tests.sweep.tiny:RECORD",
    "env": "probe/ConstantReward",
    "total_steps": 100,
    "evaluations": 4,
}


def everything(plan):
    return split(plan, Leg(tuple(range(plan.num_runs)), 1.0), 0, {}, 0)


def test_runs_of_equal_structure_share_a_group():
    plan = make_plan(
        Sweep(
            **WORDS,
            seeds=3,
            sampler="grid",
            lanes=4,
            space={"learning_rate": [0.1, 0.2], "width": [2, 3]},
        )
    )
    assert [g.shared for g in plan.groups] == [{"width": 2}, {"width": 3}]
    assert [len(g.runs) for g in plan.groups] == [6, 6]
    structures = {jax.tree.structure(c.hp) for c in plan.configs}
    assert len(structures) == 2
    assert sorted(r for g in plan.groups for r in g.runs) == list(range(12))
    for number in plan.groups[0].runs:
        run = plan.run(number)
        assert run.id == run.config * 3 + run.seed


def test_width_splits_runs_evenly_so_that_a_group_compiles_once():
    plan = make_plan(Sweep(**WORDS, seeds=10, lanes=4))
    assert plan.groups[0].width == 4
    batches = everything(plan)
    assert [(len(b.runs), b.width) for b in batches] == [(4, 4), (4, 4), (2, 4)]
    _, _, seeds = lanes_of(plan, batches[-1].runs, 4)
    np.testing.assert_array_equal(seeds, [8, 9, 9, 9])
    assert make_plan(Sweep(**WORDS, seeds=9, lanes=4)).groups[0].width == 3


def test_planning_is_pure():
    sweep = Sweep(**WORDS, seeds=3, configs=4, space={"learning_rate": {"low": 0.1, "high": 1.0}})
    one, two = make_plan(sweep), make_plan(sweep)
    assert one.groups == two.groups and everything(one) == everything(two)
    assert one.configs == two.configs


@pytest.mark.parametrize(
    ("total", "per_update", "evaluations", "want"),
    [
        (100_000, 2000, 10, (10, 5)),  # 50 updates
        (100_000, 2048, 20, (25, 2)),  # 49 updates: 25 x 2 is one too many, 17 x 3 two
        (100_000, 2048, 7, (7, 7)),
        (10, 2048, 20, (1, 1)),
        (3 * 2048, 2048, 20, (3, 1)),
    ],
)
def test_chunks_reach_the_total_with_the_least_excess(total, per_update, evaluations, want):
    sweep = Sweep(**{**WORDS, "total_steps": total, "evaluations": evaluations})
    count, updates = chunks(sweep, per_update)
    assert (count, updates) == want
    assert count * updates * per_update >= total


def test_env_steps_count_every_run():
    plan = make_plan(Sweep(**WORDS, seeds=3))
    assert plan.env_steps == 3 * 100
    assert plan.groups[0].num_chunks * plan.groups[0].env_steps == 100


def test_env_params_are_lanes_of_one_group():
    plan = make_plan(
        Sweep(**WORDS, configs=4, env_params={"reward_scale": {"low": 1.0, "high": 2.0}})
    )
    assert len(plan.groups) == 1
    _, env_params, _ = lanes_of(plan, plan.groups[0].runs, 4)
    assert env_params.reward_scale.shape == (4,) and len(set(env_params.reward_scale)) == 4
    assert env_params.reward_scale.dtype == np.float32 and env_params.max_steps.dtype == np.int32


def test_few_runs_take_a_width_that_halves_the_widest():
    assert [width_for(16, n, n) for n in (16, 9, 8, 5, 3, 2, 1)] == [16, 16, 8, 8, 4, 2, 1]
    assert width_for(12, 2, 2) == 3, "3 is no even number, so there is no narrower width"
    assert width_for(16, 1, 33) == 16, "a tail uses the program that its row has compiled"


def test_every_algorithm_meets_every_environment():
    words = {**WORDS, "env": ["probe/ConstantReward", "probe/ObservedValue"]}
    plan = make_plan(Sweep(**words, seeds=2, sampler="grid", space={"learning_rate": [0.1, 0.2]}))
    assert [t.names[1] for t in plan.tasks] == words["env"]
    assert [(g.task, g.runs) for g in plan.groups] == [(0, (0, 1, 2, 3)), (1, (4, 5, 6, 7))]
    assert [c.swept["env"] for c in plan.configs] == [x for x in words["env"] for _ in range(2)]
    assert "algorithm" not in plan.configs[0].swept, "there is but one"
