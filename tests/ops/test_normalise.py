import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.normalise import (
    Affine,
    Identity,
    Moments,
    PerView,
    Standard,
    add_moments,
    no_moments,
)

DATA = np.random.default_rng(0).normal([3.0, -200.0], [5.0, 0.5], (60, 2)).astype(np.float32)
update = jax.jit(add_moments)


def gather(chunks):
    moments = no_moments((2,))
    for x in chunks:
        moments = update(moments, x)
    return moments


@pytest.mark.parametrize(
    "chunks",
    [
        [DATA],
        [DATA.reshape(5, 12, 2)],
        np.split(DATA, [1, 2, 3, 30, 59]),
        list(DATA.reshape(6, 10, 2)[:, :, None]),
    ],
    ids=["at once", "axes", "uneven", "even"],
)
def test_moments_equal_those_of_all_data_however_it_is_cut(chunks):
    moments = gather(chunks)
    assert moments.count == len(DATA)
    np.testing.assert_allclose(moments.mean, DATA.mean(0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(moments.var, DATA.var(0, dtype=np.float64), rtol=1e-4)


def test_first_data_replace_the_prior():
    first = update(no_moments(()), jnp.array([5.0, 7.0]))
    assert (first.mean, first.var, first.count) == (6.0, 1.0, 2.0)
    one = update(no_moments(()), jnp.array([5.0]))
    assert (one.mean, one.var, one.count) == (5.0, 0.0, 1.0)


def test_standard_gives_mean_zero_and_variance_one():
    plan = Standard(clip=np.inf)
    stats = update(plan.init(DATA[0]), DATA)
    y = np.asarray(jax.jit(plan)(stats, DATA))
    np.testing.assert_allclose(y.mean(0), 0.0, atol=1e-4)
    np.testing.assert_allclose(y.std(0), 1.0, rtol=1e-4)
    np.testing.assert_allclose(plan.inverse(stats, y), DATA, rtol=1e-5)


def test_standard_changes_nothing_before_any_data():
    plan = Standard()
    x = jnp.array([-3.0, 0.5])
    np.testing.assert_allclose(plan(plan.init(x), x), x, rtol=1e-6)
    np.testing.assert_allclose(plan.inverse(plan.init(x), x), x, rtol=1e-6)


def test_standard_clips_and_adds_eps_to_the_variance_both_traced():
    stats = Moments(jnp.float32(1.0), jnp.float32(4.0), jnp.float32(10.0))
    x = jnp.array([1.0, 4.0, -100.0])
    got = jax.vmap(lambda clip, eps: Standard(clip, eps)(stats, x))(
        jnp.array([10.0, 1.0]), jnp.array([0.0, 5.0])
    )
    np.testing.assert_allclose(got, [[0.0, 1.5, -10.0], [0.0, 1.0, -1.0]])


def test_identity_has_no_statistics():
    plan = Identity()
    assert jax.tree.leaves(plan.update(plan.init(DATA[0]), DATA)) == []
    assert plan((), DATA) is DATA and plan.inverse((), DATA) is DATA


def test_integers_are_taken_as_numbers():
    moments = add_moments(no_moments(()), jnp.array([1, 2, 250], jnp.uint8))
    np.testing.assert_allclose(moments.mean, 253 / 3, rtol=1e-6)


def test_affine_maps_pixels_to_the_unit_interval_and_back():
    op = Affine(scale=1.0 / 255.0)
    pixels = jnp.array([0.0, 51.0, 255.0])
    np.testing.assert_allclose(op((), pixels), [0.0, 0.2, 1.0], rtol=1e-6)
    np.testing.assert_allclose(Affine(3.0, 0.5).inverse((), Affine(3.0, 0.5)((), pixels)), pixels)


RNG = np.random.default_rng(1)
NAMED = {
    "policy": jnp.asarray(RNG.integers(0, 256, (12, 3, 2)), jnp.uint8),
    "critic": jnp.asarray(RNG.normal(5.0, 2.0, (12, 4)), jnp.float32),
    "action_mask": jnp.asarray(RNG.random((12, 3)) < 0.5),
}
PLANS = [Identity(), Affine(2.0, 0.5), Standard(), Standard(clip=0.5)]


def first(x):
    return jax.tree.map(lambda x: x[0], x)


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_named_arrays_are_normalised_as_each_would_be_alone(plan):
    stats = plan.update(plan.init(first(NAMED)), NAMED)
    got, free = plan(stats, NAMED), plan.unclipped(stats, NAMED)
    for name in ("policy", "critic"):
        alone = plan.update(plan.init(first(NAMED[name])), NAMED[name])
        np.testing.assert_array_equal(got[name], plan(alone, NAMED[name]))
        back = plan.inverse(stats, free)[name]
        np.testing.assert_array_equal(back, plan.inverse(alone, free[name]))
        np.testing.assert_allclose(back, NAMED[name], atol=1e-3)
    assert plan == Identity() or got["policy"].dtype == jnp.float32


@pytest.mark.parametrize("plan", PLANS, ids=str)
@pytest.mark.parametrize("x", [NAMED, NAMED["action_mask"]], ids=["named", "alone"])
def test_flags_have_no_statistics_and_stay_as_they_are(plan, x):
    def flags(x):
        return x["action_mask"] if isinstance(x, dict) else x

    stats = plan.init(first(x))
    assert flags(stats) == ()
    stats = plan.update(stats, x)
    assert flags(stats) == ()
    for y in (plan(stats, x), plan.unclipped(stats, x), plan.inverse(stats, x)):
        assert flags(y).dtype == bool
        np.testing.assert_array_equal(flags(y), flags(x))


def test_pixels_and_privileged_state_may_have_normalisers_of_their_own():
    plan = PerView(Affine(scale=1.0 / 255.0), Standard(clip=1.0))
    assert jax.tree.leaves(PerView().init(first(NAMED))) == []
    stats = plan.update(plan.init(first(NAMED)), NAMED)
    got, free = jax.jit(plan)(stats, NAMED), plan.unclipped(stats, NAMED)
    np.testing.assert_allclose(got["policy"], NAMED["policy"] / 255.0, rtol=1e-6)
    alone = plan.critic.update(plan.critic.init(NAMED["critic"][0]), NAMED["critic"])
    np.testing.assert_allclose(got["critic"], plan.critic(alone, NAMED["critic"]), rtol=1e-6)
    np.testing.assert_array_equal(got["action_mask"], NAMED["action_mask"])
    assert np.abs(got["critic"]).max() == 1.0 < np.abs(free["critic"]).max()
    for name, x in plan.inverse(stats, free).items():
        np.testing.assert_allclose(x, NAMED[name], atol=1e-3)


def test_one_array_is_the_policys_view():
    plan = PerView(Standard(), Affine(9.0))
    stats = plan.update(plan.init(DATA[0]), DATA)
    np.testing.assert_array_equal(plan(stats, DATA), Standard()(stats, DATA))
    np.testing.assert_array_equal(plan.inverse(stats, DATA), Standard().inverse(stats, DATA))
    assert stats.count == len(DATA)
