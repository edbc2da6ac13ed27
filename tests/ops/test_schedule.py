import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import Schedule
from jaxac.ops.schedule import Cosine, Linear

PROGRESS = jnp.array([0.0, 0.25, 0.5, 0.75, 1.0])


def test_linear_by_hand():
    np.testing.assert_allclose(Linear(4.0, 2.0).value_at(PROGRESS), [4.0, 3.5, 3.0, 2.5, 2.0])


def test_cosine_by_hand():
    half = np.sqrt(0.5)
    want = 1.0 + 0.5 * np.array([2.0, 1.0 + half, 1.0, 1.0 - half, 0.0])
    np.testing.assert_allclose(Cosine(2.0, 1.0).value_at(PROGRESS), want, rtol=1e-6)


@pytest.mark.parametrize("schedule", [Linear(3.0, -1.0), Cosine(3.0, -1.0)], ids=repr)
def test_ends_are_exact_and_hold_outside(schedule):
    assert isinstance(schedule, Schedule)
    got = schedule.value_at(jnp.array([-1.0, 0.0, 1.0, 7.0]))
    np.testing.assert_array_equal(got, [3.0, 3.0, -1.0, -1.0])


def test_ends_are_traced():
    got = jax.vmap(lambda end: Linear(1.0, end).value_at(0.5))(jnp.array([0.0, 3.0]))
    np.testing.assert_array_equal(got, [0.5, 2.0])
