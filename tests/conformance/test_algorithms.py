"""Every registered algorithm keeps the contract. One compiled program serves all tests of one."""

import jax
import numpy as np
import pytest

import jaxac
from jaxac import config, registry
from jaxac.algos.evolution import es
from jaxac.core import Schedule
from jaxac.report import exported
from jaxac.report.policy import load_policy, of_state
from jaxac.store import checkpoints

from .cases import assert_equal, case, lane, on_host, params_of

KEYS = sorted(registry.records())


@pytest.fixture(params=KEYS, scope="module")
def c(request):
    return case(request.param)


def test_two_chunks_are_traced_once(c):
    before = len(c.traces)
    c.advance(c.first[1])
    assert before == len(c.traces) == 1


def test_compiled_programs_call_no_lapack(c):
    for program in (c.start, c.advance):
        assert "lapack" not in program.as_text().lower()


def test_metrics_are_finite_scalars_per_lane(c):
    _, _, metrics = c.first
    assert {"eval_return", "finite"} <= set(metrics)
    for name, x in metrics.items():
        assert x.shape == (c.num_lanes,), name
        if not name.startswith("episode_"):
            assert np.isfinite(x).all(), name
    np.testing.assert_array_equal(metrics["finite"], 1.0)


def test_a_poisoned_lane_is_told_and_leaves_its_neighbours_alone(c):
    states, clean, metrics = on_host(c.first)

    def poison(x):
        x = x.copy()
        x[1] = np.nan
        return x

    poisoned, poisoned_metrics = on_host(c.advance(params_of(states, poison)[1]))
    for i in (0, 2):
        assert_equal(lane(clean, i), lane(poisoned, i))
        assert_equal(lane(metrics, i), lane(poisoned_metrics, i))
    np.testing.assert_array_equal(poisoned_metrics["finite"][:3], [1.0, 0.0, 1.0])


def test_a_lane_does_not_depend_on_its_position_or_neighbours(c):
    rates, seeds = (1e-4, 1e-3, 1e-2), (0, 1, 2)
    _, there, there_metrics = on_host(c.first)
    back, back_metrics = on_host(c.advance(c.states(rates[::-1], seeds[::-1])))
    alone, _ = on_host(c.advance(c.states(rates[1:2] * 3, seeds[1:2] * 3)))
    for i in range(3):
        assert_equal(lane(there, i), lane(back, 2 - i))
        assert_equal(lane(there_metrics, i), lane(back_metrics, 2 - i))
        assert_equal(lane(there, 1), lane(alone, i))


def test_seeds_and_learning_rates_matter(c):
    states, _ = on_host(c.advance(c.states((1e-3, 1e-3, 1e-2), (0, 1, 1))))
    a, b, d = (np.concatenate([np.ravel(x[i]) for x in params_of(states)[0]]) for i in range(3))
    assert np.abs(a - b).max() > 0
    assert np.abs(b - d).max() > 0


def test_a_run_that_is_cut_at_five_points_is_the_undisturbed_one_bit_for_bit(c):
    cut, whole, whole_metrics = c.first
    for _ in range(5):
        restored = checkpoints.decode(checkpoints.encode(cut), cut, "test")
        assert_equal(restored, cut)
        cut, metrics = c.advance(restored)
        assert_equal(cut, whole)
        assert_equal(metrics, whole_metrics)
        whole, whole_metrics = c.advance(whole)


def test_an_exported_lane_acts_as_the_run_does(c, tmp_path):
    whole, path = lane(on_host(c.first[1]), 1), tmp_path / "policy.safetensors"
    params, hp = exported.values(whole.env_params), config.to_json(c.hp)
    about = exported.About(
        algorithm=c.key,
        env=c.env.name,
        wrappers=[],
        env_params=params,
        hp=hp,
        run=1,
        config=0,
        seed=1,
        env_steps=0,
        total_steps=0,
        eval_return=None,
        diverged_step=None,
        diverged_metric=None,
        sweep="",
        jaxac=jaxac.__version__,
        jax="",
    )
    of_state(about, c.env, c.algorithm, whole).save(path)
    policy, act = load_policy(path, env=c.env.name), jax.jit(c.algorithm.act)
    _, obs = jax.vmap(c.env.reset, (0, None))(jax.random.split(jax.random.key(1), 2), c.env.params)
    action, carry = policy(obs)
    assert_equal((action, carry), act(whole, obs))
    key = jax.random.key(0)
    assert_equal(policy(obs, carry, key), act(whole, obs, carry, key))
    read, held = (sum(x.nbytes for x in jax.tree.leaves(s)) for s in (policy.state, whole))
    assert 0 < read < held / 2, "optimisers, buffers and environments stay behind"


def test_a_configuration_survives_json(c):
    for hp in (c.hp, registry.defaults(c.key)):
        back = config.from_json(config.to_json(hp), registry.defaults(c.key))
        assert jax.tree.structure(back) == jax.tree.structure(hp)
        assert jax.tree.leaves(back) == jax.tree.leaves(hp)
        assert config.stable_hash(config.to_json(back)) == config.stable_hash(config.to_json(hp))


def test_every_field_has_a_doc_and_every_number_a_range(c):
    found = list(config.fields(registry.defaults(c.key)))
    schedules = {f.path for f in found if isinstance(f.value, Schedule)}
    for f in found:
        assert f.meta.doc, f.path
        if f.kind == "traced" and f.path.rpartition(".")[0] not in schedules:
            assert f.meta.within is not None, f.path


def test_env_steps_counts_a_chunk(c):
    hp, rollouts = c.hp, getattr(c.hp, "num_rollouts", 1)
    num_envs = hp.population if isinstance(hp, es.ES) else hp.num_envs
    steps = rollouts * num_envs * hp.num_steps * hp.num_updates
    assert c.algorithm.env_steps(hp) == steps


def test_the_record_names_paper_and_code(c):
    record = registry.record(c.key)
    assert record.key == c.key
    assert record.paper.title and record.paper.year > 1950 and record.summary
    assert set(record.actions) <= {"Discrete", "Box"}
