"""A poisoned lane is told, with place and cause, and the other 63 never know."""

import numpy as np
import pytest

import jaxac
from jaxac.core import replace
from jaxac.sweep import lanes
from jaxac.sweep.plan import make_plan
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

from .test_run import WORDS

WIDE = Sweep(
    algorithm="ppo",
    env="CartPole-v1",
    total_steps=256,
    evaluations=2,
    seeds=64,
    lanes=64,
    fixed={"num_envs": 4, "num_steps": 16, "num_minibatches": 1, "net.hidden": [8]},
)
"""64 lanes of 4 updates, two a chunk."""


@pytest.fixture(scope="module")
def program():
    plan = make_plan(WIDE)
    (group,) = plan.groups
    made = lanes.compile_program(plan, group, 64)
    start = lanes.arguments(plan, group.runs, 64)
    return made, start, trained(made, made.start(*start))


def trained(made, states):
    """Metrics of both chunks, [64] each."""
    rows = []
    for _ in range(2):
        states, metrics = made.advance(states)
        rows.append(lanes.to_host(metrics, 64))
    return rows


POISONS = [
    ("learning_rate", np.nan),
    ("learning_rate", np.inf),
    ("learning_rate", 1e30),
    ("entropy_coef", np.nan),
    ("entropy_coef", np.inf),
    ("value_coef", np.nan),
    ("gamma", np.nan),
    ("surrogate.low", np.nan),
    ("credit.lam", np.nan),
    ("max_grad_norm", np.nan),
]


@pytest.mark.parametrize(("where", "what"), POISONS)
def test_63_lanes_are_bit_equal_whatever_poisons_the_64th(program, where, what):
    made, start, clean = program
    lane, states = 17, made.start(*start)
    rows = trained(made, replace(states, hp=lanes.with_value(states.hp, where, lane, what)))
    others = np.arange(64) != lane
    for before, after in zip(clean, rows, strict=True):
        for name in before:
            np.testing.assert_array_equal(before[name][others], after[name][others], name)
    found = made.diverged(rows[0], 2) | made.diverged(rows[1], 2)
    assert set(found) == {lane}, "it is found, and nobody else is"


def test_the_update_and_the_metric_that_went_wrong_first_are_kept(tmp_path):
    sweep = Sweep(
        **{**WORDS, "seeds": 1},
        fixed={"learning_rate": 0.1, "surge": float("inf")},
        space={"surge_at": [2.0, 7.0, 1e6]},
    )
    results = jaxac.run(sweep, tmp_path / "run", Quiet())
    assert results.diverged.to_numpy().tolist() == [
        [0, 0, 15, "param_norm"],
        [1, 0, 40, "param_norm"],
    ]
