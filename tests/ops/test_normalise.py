import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.normalise import Affine, Identity, Moments, Standard, add_moments, no_moments

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
