import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import (
    Int,
    JaxacError,
    Key,
    Mean,
    Scalar,
    Schedule,
    Static,
    algorithm,
    field,
    frozen,
    is_frozen,
    replace,
    scheduled,
)
from jaxac.errors import ConfigError
from jaxac.ops.schedule import Linear
from jaxac.ops.surrogate import Clip


@frozen
class Low:
    low: Scalar = field(0.5, "a bound", within="[0, 1)")
    size: Static[int] = field(3, "a count", within="[1, inf)")
    widths: Static[tuple[int, ...]] = field((4, 4), "counts", within="[1, inf)")


@frozen
class AlsoLow:
    low: Scalar = 0.5
    size: Static[int] = 3
    widths: Static[tuple[int, ...]] = (4, 4)


@frozen
class Hyper:
    learning_rate: Scalar = 0.1
    inner: Low = Low()
    num_updates: Static[int] = 4


@frozen
class Run:
    hp: Hyper
    env_params: dict
    key: Key
    step: Int
    x: Scalar


def test_structures_of_different_classes_differ_although_their_fields_are_alike():
    assert jax.tree.structure(Low()) != jax.tree.structure(AlsoLow())
    assert jax.tree.structure(Hyper()) != jax.tree.structure(Hyper(inner=AlsoLow()))
    assert jax.tree.leaves(Low()) == jax.tree.leaves(AlsoLow())


def test_static_fields_are_structure_and_plain_fields_are_leaves():
    assert jax.tree.leaves(Low(low=0.25, size=7)) == [0.25]
    assert jax.tree.structure(Low(size=3)) != jax.tree.structure(Low(size=4))
    assert jax.tree.structure(Low(widths=(4, 4))) != jax.tree.structure(Low(widths=(4,)))
    assert hash(jax.tree.structure(Low(size=3))) == hash(jax.tree.structure(Low(size=3)))


def test_replacing_a_traced_value_keeps_the_structure():
    one, other = Hyper(), Hyper(0.7, Low(low=jnp.float32(0.1)))
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert replace(one, learning_rate=0.7).learning_rate == 0.7
    assert one.learning_rate == 0.1
    with pytest.raises(AttributeError):
        one.learning_rate = 0.7


def test_paths_of_leaves_are_field_names():
    paths = [jax.tree_util.keystr(p) for p, _ in jax.tree_util.tree_leaves_with_path(Hyper())]
    assert paths == [".learning_rate", ".inner.low"]


@pytest.mark.parametrize(
    ("change", "name", "value", "valid"),
    [
        ({"low": 1.0}, "Low.low", "1 ", "[0, 1)"),
        ({"low": -0.5}, "Low.low", "-0.5", "[0, 1)"),
        ({"low": float("nan")}, "Low.low", "nan", "[0, 1)"),
        ({"low": np.float32(2.0)}, "Low.low", "2 ", "[0, 1)"),
        ({"low": np.array([0.5, 3.0])}, "Low.low", "3 ", "[0, 1)"),
        ({"low": Linear(0.5, 4.0)}, "Low.low", "4 ", "[0, 1)"),
        ({"size": 0}, "Low.size", "0 ", "[1, inf)"),
        ({"widths": (4, 0)}, "Low.widths", "0 ", "[1, inf)"),
    ],
)
def test_a_number_out_of_range_is_an_error_that_names_class_field_value_and_range(
    change, name, value, valid
):
    with pytest.raises(ConfigError) as error:
        Low(**change)
    assert error.value.path == name
    assert str(error.value).startswith(f"{name}: {value}") and valid in str(error.value)
    with pytest.raises(ConfigError):
        replace(Low(), **change)


def test_frozen_refuses_annotations_kept_as_text():
    """`from __future__ import annotations` would hide `Static` and make every field a leaf."""
    namespace = {"frozen": frozen, "Static": Static}
    with pytest.raises(JaxacError, match="annotations"):
        exec("@frozen\nclass Text:\n    size: 'Static[int]' = 3", namespace)


def test_a_frozen_object_of_arrays_is_built_by_vmap_row_by_row():
    rows = jax.vmap(lambda low: Hyper(2.0 * low, Low(low)))(jnp.array([0.1, 0.2, 5.0]))
    assert rows.inner.size == 3
    np.testing.assert_array_equal(rows.learning_rate, 2.0 * rows.inner.low)
    sums = jax.vmap(lambda hp: hp.learning_rate + hp.inner.low * hp.inner.size)(rows)
    np.testing.assert_allclose(sums, [0.5, 1.0, 25.0], rtol=1e-6)


def test_is_frozen():
    assert is_frozen(Low()) and not is_frozen(Low) and not is_frozen(0.5)


def test_scheduled_replaces_schedules_wherever_a_number_may_stand():
    hp = Hyper(Linear(1.0, 0.0), Low(Linear(0.0, 0.8)))
    now = scheduled(hp, jnp.float32(0.25))
    assert jax.tree.structure(now) == jax.tree.structure(Hyper())
    np.testing.assert_allclose([now.learning_rate, now.inner.low], [0.75, 0.2], rtol=1e-6)
    clip = scheduled(Clip(low=Linear(0.2, 0.0)), jnp.float32(0.5))
    np.testing.assert_allclose([clip.low, clip.high], [0.1, 0.2], rtol=1e-6)


def test_scheduled_leaves_numbers_alone():
    assert scheduled(Hyper(), jnp.float32(0.5)) == Hyper()
    assert isinstance(Linear(), Schedule) and not isinstance(Low(), Schedule)


def _walk(env_params=None, metrics=None):
    """A run whose state is a random walk; counts how often its update is traced."""
    traces = []

    def init(key, hp, params):
        return Run(hp, params, key, jnp.int32(0), jnp.zeros(()))

    def update(state):
        traces.append(None)
        noise = jax.random.normal(jax.random.fold_in(state.key, state.step))
        x = state.x + state.hp.learning_rate * noise + state.env_params["drift"]
        x = jnp.where(state.step >= state.env_params["nan_from"], jnp.nan, x)
        out = {"x": x, **(metrics(state) if metrics else {})}
        return replace(state, step=state.step + 1, x=x), out

    default = {"drift": 0.5, "nan_from": 1000}
    made = algorithm(
        init,
        update,
        lambda state: {},
        lambda state, obs, carry=None, key=None: (obs, carry),
        lambda hp: 5,
        default if env_params is None else env_params,
    )
    return made, traces


def test_init_casts_to_strong_dtypes_so_that_two_chunks_trace_once():
    made, traces = _walk()
    state = made.init(jax.random.key(0), Hyper(1, Low(np.float64(0.5))))
    assert {x.dtype for x in jax.tree.leaves(state.hp)} == {np.dtype("float32")}
    assert [x.dtype.name for x in jax.tree.leaves(state.env_params)] == ["float32", "int32"]
    assert not any(jnp.asarray(x).weak_type for x in jax.tree.leaves((state.hp, state.env_params)))
    chunk = jax.jit(made.chunk)
    for _ in range(3):
        state, _ = chunk(state)
    assert chunk._cache_size() == 1 and len(traces) == 1
    assert state.step == 12 and made.env_steps(Hyper(num_updates=3)) == 15


def test_env_params_given_to_init_replace_the_default():
    made, _ = _walk()
    other = {"drift": 2.0, "nan_from": 1000}
    chunk = jax.jit(made.chunk)
    assert chunk(made.init(jax.random.key(0), Hyper(0.0), other))[0].x == 8.0
    assert chunk(made.init(jax.random.key(0), Hyper(0.0)))[0].x == 2.0


def test_a_chunk_reports_means_over_its_updates():
    made, _ = _walk()
    _, metrics = made.chunk(made.init(jax.random.key(0), Hyper(learning_rate=0.0)))
    np.testing.assert_allclose(metrics["x"], np.mean([0.5, 1.0, 1.5, 2.0]))
    assert metrics["finite"] == 1.0


def test_a_mean_of_events_weighs_events_and_is_nan_without_any_yet_finite():
    def metrics(state):
        events = state.step % 2 * state.step.astype(jnp.float32)  # 0, 1, 0, 3
        return {
            "some": Mean(events * 10.0 * state.step, events),
            "none": Mean(jnp.zeros(()), jnp.zeros(())),
        }

    made, _ = _walk(metrics=metrics)
    _, out = made.chunk(made.init(jax.random.key(0), Hyper()))
    np.testing.assert_allclose(out["some"], (1 * 10.0 + 3 * 30.0) / 4)
    assert jnp.isnan(out["none"])
    assert out["finite"] == 1.0


def test_finite_is_zero_in_the_chunk_of_a_nan_and_only_in_the_lane_that_has_it():
    made, _ = _walk()
    params = {"drift": jnp.full(3, 0.5), "nan_from": jnp.array([1000, 6, 3])}
    start = jax.vmap(made.init, (None, None, 0))(jax.random.key(0), Hyper(), params)
    chunk = jax.jit(jax.vmap(made.chunk))
    state, first = chunk(start)
    _, second = chunk(state)
    np.testing.assert_array_equal(first["finite"], [1, 1, 0])
    np.testing.assert_array_equal(second["finite"], [1, 0, 0])
    alone = made.init(jax.random.key(0), Hyper())
    np.testing.assert_array_equal(state.x[0], made.chunk(alone)[0].x)
