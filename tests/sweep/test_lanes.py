"""The sweep's central promise, on the real thing: one trace, and a lane is the solo run."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import hlo, registry
from jaxac.envs import Box, Discrete, Env, TimeStep
from jaxac.envs.resets import Pool, WhenNeeded
from jaxac.sweep import device, lanes, spec, tiles
from jaxac.sweep.plan import make_plan

SWEEP = spec.Sweep(
    algorithm="ppo",
    env="CartPole-v1",
    total_steps=1024,
    evaluations=2,
    seeds=8,
    sampler="grid",
    lanes=64,
    fixed={"num_envs": 16, "num_steps": 32, "net.hidden": [64]},
    space={"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True, "num": 8}},
)
TINY = {"num_envs": 8, "num_steps": 32, "net.hidden": [16]}
SOLO = (0, 19, 63)  # learning rates 1, 3 and 8, seeds 0, 3 and 7


@pytest.fixture(scope="module")
def swept():
    plan = make_plan(SWEEP)
    program = compiled(plan)
    return plan, program, finish(plan, program)


def compiled(plan):
    (group,) = plan.groups
    return lanes.compile_program(plan, group, group.width)


def finish(plan, program):
    (group,) = plan.groups
    states = program.start(*lanes.arguments(plan, group.runs, group.width))
    for _ in range(group.num_chunks):
        states, metrics = program.advance(states)
    return jax.device_get((states.learner.params, metrics))


def test_64_lanes_of_seeds_and_learning_rates_compile_once(swept):
    plan, program, _ = swept
    assert plan.groups[0].width == 64 and len(plan.groups) == 1
    assert program.traces == 1


def solo(plan, run, sweep):
    """The plan of one run of a plan, alone."""
    config, seed = divmod(run, len(sweep.seed_list))
    rate = plan.configs[config].hp.learning_rate
    fixed = {**sweep.fixed, "learning_rate": rate}
    one = {"seeds": [seed], "lanes": 1, "space": {}, "sampler": "sobol", "fixed": fixed}
    return make_plan(dataclasses.replace(sweep, **one))


@pytest.mark.usual_emitters
def test_a_lane_is_bit_for_bit_the_solo_run(swept):
    """Lanes take turns on a CPU where their arrays are not tiny, so nothing of theirs is mixed."""
    plan, program, (params, metrics) = swept
    assert program.tile == 1
    alone = None
    for run in SOLO:
        one = solo(plan, run, SWEEP)
        alone = alone or compiled(one)
        solo_params, solo_metrics = finish(one, alone)
        for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(solo_params), strict=True):
            np.testing.assert_array_equal(a[run], b[0])
        assert metrics["eval_return"][run] == solo_metrics["eval_return"][0]


@pytest.mark.parametrize("width", [2, 16])
def test_a_lane_is_bit_for_bit_the_same_at_any_width_and_place(swept, width):
    """Runs 19 and on as lanes 0 and on of a narrower program."""
    plan, _, (params, metrics) = swept
    (group,) = plan.groups
    program = lanes.compile_program(plan, group, width)
    states = program.start(*lanes.arguments(plan, group.runs[19 : 19 + width], width))
    for _ in range(group.num_chunks):
        states, narrow_metrics = program.advance(states)
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(states.learner.params), strict=True):
        np.testing.assert_array_equal(a[19 : 19 + width], b)
    narrow = np.asarray(narrow_metrics["eval_return"])
    np.testing.assert_array_equal(metrics["eval_return"][19 : 19 + width], narrow)


def test_tiny_lanes_advance_together_and_equal_the_solo_run_to_rounding():
    """XLA's CPU code sums a matrix product of another shape in another order.

    Measured on 4 updates: widths 2, 16 and 64 differ by at most 1e-7 in any parameter, width 1 by
    2e-6. The bound leaves a decade; a wrong key or neighbour shows at 1e-2.
    """
    tiny = dataclasses.replace(SWEEP, fixed=TINY, seeds=2)
    plan = make_plan(tiny)
    program = compiled(plan)
    params, _ = finish(plan, program)
    assert program.tile == 8 and plan.groups[0].width == 16
    one = solo(plan, 11, tiny)
    for a, b in zip(*map(jax.tree.leaves, (params, finish(one, compiled(one))[0])), strict=True):
        np.testing.assert_allclose(a[11], b[0], atol=2e-5)


def test_a_tile_divides_the_width_and_holds_what_a_cache_does(monkeypatch):
    assert [tiles.tile_of(2**20, width) for width in (1, 16)] == [1, 1]
    assert [tiles.tile_of(2**10, width) for width in (1, 7, 10, 13, 16, 24)] == [1, 7, 5, 1, 8, 8]
    assert tiles.tile_of(2**15, 16) == 4
    monkeypatch.setattr(device, "is_cpu", lambda: False)
    assert tiles.tile_of(2**20, 1024) == 1024


def test_what_is_updated_in_place_does_not_count_as_an_array_that_is_made():
    def write(buffer, x):
        row = jnp.tanh(jnp.ones((4, 8)) * x).sum(0)
        buffer = jax.lax.fori_loop(0, 3, lambda i, b: b.at[i].set(row), buffer)
        return jax.lax.dynamic_update_slice(buffer, row[None], (5, 0))

    again, largest = tiles.traced(write, jnp.zeros((1000, 8)), 2.0)
    assert largest == 4 * 8 * 4
    np.testing.assert_array_equal(
        again(jnp.zeros((1000, 8)), 2.0), write(jnp.zeros((1000, 8)), 2.0)
    )


def test_lanes_differ_where_their_configuration_does(swept):
    _, _, (params, _) = swept
    flat = np.concatenate([x.reshape(64, -1) for x in jax.tree.leaves(params)], axis=1)
    assert len(np.unique(flat, axis=0)) == 64


def test_no_lane_program_calls_lapack(swept):
    _, program, _ = swept
    for one in program.parts:
        assert "lapack" not in one.as_text().lower()


@pytest.mark.parametrize("resets", [WhenNeeded(), Pool(2)])
def test_lapack_calls_of_resets_steps_and_evaluations_wait_for_each_other(monkeypatch, resets):
    """Of an environment that calls it in both functions, as some simulators do."""
    monkeypatch.setattr(registry, "make_env", lambda *_: solving(resets))
    plan = make_plan(dataclasses.replace(SWEEP, algorithm="a2c", env="solving", lanes=2, seeds=1))
    program = compiled(plan)
    texts = [x.as_text() for x in program.parts]
    assert all("lapack" in text for text in texts)
    assert [hlo.lapack_together(text) for text in texts] == [[], [], []]


def solving(resets):
    """Falls from a random height."""

    def solved(x):
        return jnp.linalg.cholesky(jnp.eye(2) * (1.0 + x * x))[0]

    def reset(key, params):
        obs = solved(jax.random.uniform(key, minval=3.0, maxval=9.0))
        return obs[0], obs

    def step(key, state, action, params):
        obs = solved(state - 1.0 - action)
        return obs[0], TimeStep(obs, obs[0], obs[0] < 1.5, jnp.bool_(False))

    return Env("solving", reset, step, 0.0, Box((2,)), Discrete(2), lambda params: 9, resets)
