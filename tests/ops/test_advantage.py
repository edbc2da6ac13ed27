import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.advantage import PerBatch, PerMinibatch, Unscaled, standardise

X = jnp.asarray(np.random.default_rng(0).normal(3.0, 5.0, (6, 4)), jnp.float32)


def test_standardise_gives_mean_zero_and_population_deviation_one():
    y = np.asarray(jax.jit(standardise)(X))
    np.testing.assert_allclose([y.mean(), y.std()], [0.0, 1.0], atol=1e-6)
    np.testing.assert_allclose(y, (X - np.mean(X)) / np.std(X), rtol=1e-5, atol=1e-6)


def test_standardise_of_a_constant_is_zero():
    np.testing.assert_array_equal(standardise(jnp.full((3, 2), 7.0)), jnp.zeros((3, 2)))


@pytest.mark.parametrize(
    ("op", "scales_batch", "scales_minibatch"),
    [(PerMinibatch(), False, True), (PerBatch(), True, False), (Unscaled(), False, False)],
)
def test_each_operator_scales_at_its_own_place_only(op, scales_batch, scales_minibatch):
    for f, scales in ((op.batch, scales_batch), (op.minibatch, scales_minibatch)):
        np.testing.assert_array_equal(f(X), standardise(X) if scales else X)


def test_eps_is_added_to_the_deviation_and_traced():
    got = jax.jit(jax.vmap(lambda eps: PerBatch(eps).batch(X)))(jnp.array([0.0, 2.0]))
    np.testing.assert_allclose(got[0] / got[1], (X.std() + 2.0) / X.std(), rtol=1e-4)
