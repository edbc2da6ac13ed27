import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.value_loss import ClippedSquared, Huber, Squared

VALUE = jnp.array([0.0, 1.0, -2.0, 3.0, 0.5])
OLD = jnp.array([0.5, 0.9, 0.0, 1.0, 0.5])
TARGET = jnp.array([1.0, -1.0, -2.5, 5.0, 0.5])


def test_squared_is_half_the_squared_error():
    np.testing.assert_allclose(Squared()(VALUE, OLD, TARGET), [0.5, 2.0, 0.125, 2.0, 0.0])


def test_clipped_squared_by_hand():
    """Moves are cut to 0.2 from the old prediction; the worse of the two errors counts."""
    moved = np.array([0.3, 1.0, -0.2, 1.2, 0.5])
    want = 0.5 * np.maximum((VALUE - TARGET) ** 2, (moved - TARGET) ** 2)
    assert want[3] > 2.0 and want[2] > 0.125  # pessimistic where the move went the right way
    np.testing.assert_allclose(ClippedSquared(0.2)(VALUE, OLD, TARGET), want, rtol=1e-6)


def test_wide_clipped_squared_is_squared():
    np.testing.assert_array_equal(
        ClippedSquared(1e6)(VALUE, OLD, TARGET), Squared()(VALUE, OLD, TARGET)
    )


def test_clipped_squared_has_no_gradient_past_its_width_towards_the_target():
    gradient = jax.jit(jax.grad(ClippedSquared(0.2)))
    assert gradient(1.5, 1.0, 5.0) == 0.0
    assert gradient(1.1, 1.0, 5.0) == pytest.approx(1.1 - 5.0)
    assert gradient(0.5, 1.0, 5.0) == pytest.approx(0.5 - 5.0)


def test_huber_is_squared_up_to_delta_and_linear_beyond():
    error = np.array([0.0, 0.5, 1.0, 3.0, -3.0])
    want = [0.0, 0.125, 0.5, 1.0 * (3.0 - 0.5), 1.0 * (3.0 - 0.5)]
    np.testing.assert_allclose(Huber(1.0)(jnp.asarray(error), 0.0, 0.0), want, rtol=1e-6)
    wide = Huber(100.0)(VALUE, OLD, TARGET)
    np.testing.assert_allclose(wide, Squared()(VALUE, OLD, TARGET), rtol=1e-6)
