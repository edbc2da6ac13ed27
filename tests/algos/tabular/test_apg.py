import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import solve_discrete_are

from jaxac.algos.tabular import apg

A, B = np.array([[1.0, 0.2], [0.0, 1.0]]), np.array([[0.02], [0.2]])  # a cart, every 0.2 s
ORIGINAL, ADDED, EFFORT = np.diag([1.0, 0.1]), np.diag([0.0, 2.0]), np.array([[0.5]])
NUM = 20  # states a step
STATES = jax.random.normal(jax.random.key(0), (200, NUM, 2))


def riccati(q):
    """The best gain and its value, in float64."""
    value = solve_discrete_are(A, B, q, EFFORT)
    return np.linalg.solve(EFFORT + B.T @ value @ B, B.T @ value @ A), value


def lqr(q):
    return apg.LQR(*(jnp.asarray(x, jnp.float32) for x in (A, B, q, EFFORT)))


SUM = lqr(ORIGINAL + ADDED)
GAIN, VALUE = (jnp.asarray(x, jnp.float32) for x in riccati(ORIGINAL))
BEST_GAIN, BEST_VALUE = riccati(ORIGINAL + ADDED)


def gaps(extra):
    """How much more than the best each gain costs from a random state, as a share of the best."""
    value = jax.jit(lambda e: apg.cost_to_go(SUM, GAIN + e))
    return np.array([jnp.trace(value(e)) / np.trace(BEST_VALUE) - 1.0 for e in extra])


def transitions(extra, each):
    """Transitions until the gap is below 1 %."""
    below = gaps(extra) < 0.01
    return (below.argmax() + 1) * each if below.any() else np.inf


adapt = jax.jit(apg.adapt)
descend = jax.jit(apg.descend, static_argnums=4)


def test_no_additional_task_leaves_the_policy_as_it_was():
    learned = adapt(lqr(ORIGINAL), GAIN, VALUE, STATES, 0.1)
    np.testing.assert_allclose(learned.extra, 0.0, atol=1e-5)
    np.testing.assert_allclose(learned.value[-1], VALUE, rtol=1e-4)


def test_added_cost_ends_at_the_riccati_solution_of_the_sum():
    learned = adapt(SUM, GAIN, VALUE, STATES, 0.3)
    assert np.abs(GAIN - BEST_GAIN).max() > 0.1
    np.testing.assert_allclose(GAIN + learned.extra[-1], BEST_GAIN, atol=1e-4)
    np.testing.assert_allclose(learned.value[-1], BEST_VALUE, rtol=1e-3)


def test_gap_stays_below_a_constant_over_the_number_of_steps():
    found = gaps(adapt(SUM, GAIN, VALUE, STATES, 0.03).extra[:100])
    steps = np.arange(1, 101)
    most = (steps * found).max()
    assert most < 1.0  # in units of the best cost
    assert steps[-1] * found[-1] < 0.1 * most  # faster than 1 / T


def test_fewer_transitions_than_the_deterministic_policy_gradient():
    """Each at its best step of the same list; rollouts are as short as reach the best gain."""
    steps = (0.01, 0.03, 0.1, 0.3)
    stagewise = min(transitions(adapt(SUM, GAIN, VALUE, STATES, s).extra[:100], NUM) for s in steps)
    whole = min(transitions(descend(SUM, GAIN, STATES, s, 20)[:100], 20 * NUM) for s in steps[:3])
    assert stagewise < 0.3 * whole < np.inf


def test_rollouts_that_are_too_short_end_elsewhere():
    assert transitions(descend(SUM, GAIN, STATES, 0.01, 5)[:100], 5 * NUM) == np.inf


def test_cost_to_go_is_the_cost_of_a_long_rollout():
    states = STATES[0]
    value = apg.cost_to_go(SUM, GAIN)
    expected = jnp.einsum("nx,xy,ny->n", states, value, states).mean()
    np.testing.assert_allclose(apg.rollout_cost(SUM, GAIN, states, 200), expected, rtol=1e-4)
    np.testing.assert_allclose(apg.backup(SUM, GAIN, value), value, rtol=1e-4)
