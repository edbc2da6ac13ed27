import functools

import jax
import numpy as np
import pytest
from scipy.optimize import minimize

from jaxac.algos.tabular import performative
from jaxac.algos.tabular.exact import occupancy, occupancy_policy
from jaxac.algos.tabular.mdp import garnet
from jaxac.errors import ConfigError

GAMMA = 0.9
STRONG, WEAK = 3.0, 0.1  # regularisers, reward units a visit
solve = jax.jit(performative.solve)


def process():
    return garnet(jax.random.key(1), 6, 3, 3)


@functools.partial(jax.jit, static_argnums=2)
def retrained(strength, regulariser, num_rounds):
    """Occupancies of repeated retraining in a crowd whose price is `strength`."""
    mdp = process()
    respond = performative.crowding(mdp, strength, 0.3 * (strength > 0))
    start = performative.uniform_visits(mdp, GAMMA)
    return performative.iterate(
        lambda d: performative.retrain(respond, GAMMA, regulariser, d), start, num_rounds
    )


def moves(visits):
    return np.linalg.norm(np.diff(np.asarray(visits), axis=0), axis=(1, 2))


@pytest.mark.parametrize("regulariser", [0.01, 0.1, 1.0, 10.0])
def test_solution_is_that_of_a_quadratic_program(regulariser):
    mdp = garnet(jax.random.key(0), 2, 2, 2)
    a = np.asarray(performative.flow(mdp, GAMMA), np.float64).reshape(4, 2).T
    r, start = np.asarray(mdp.reward, np.float64).ravel(), np.asarray(mdp.start)
    found = minimize(
        lambda d: 0.5 * regulariser * d @ d - r @ d,
        np.full(4, 2.5),
        jac=lambda d: regulariser * d - r,
        bounds=[(0, None)] * 4,
        constraints={"type": "eq", "fun": lambda d: a @ d - start, "jac": lambda d: a},
        method="SLSQP",
        options={"ftol": 1e-13, "maxiter": 500},
    )
    visits = solve(mdp, GAMMA, regulariser)
    np.testing.assert_allclose(visits.ravel(), found.x, atol=1e-3)


def test_solutions_are_occupancies_of_their_own_policy():
    mdp = process()
    for regulariser in (0.03, 1.0):
        visits = solve(mdp, GAMMA, regulariser)
        again = occupancy(mdp, occupancy_policy(visits), GAMMA)
        np.testing.assert_allclose(visits, again, atol=1e-3)


def test_process_that_does_not_react_is_solved_in_one_round():
    visits = retrained(0.0, 1.0, 4)
    np.testing.assert_allclose(visits[0], solve(process(), GAMMA, 1.0), atol=1e-4)
    np.testing.assert_allclose(visits[1:], visits[:-1], atol=1e-4)


def test_strong_regulariser_contracts_to_a_stable_point():
    visits = retrained(1.0, STRONG, 30)
    steps = moves(visits)[:6]
    assert (steps[1:] / steps[:-1]).max() < 0.7
    respond = performative.crowding(process(), 1.0, 0.3)
    stable = occupancy_policy(visits[-1])
    best = occupancy_policy(solve(respond(stable), GAMMA, STRONG))
    np.testing.assert_allclose(best, stable, atol=1e-3)


def test_weak_regulariser_goes_round_in_a_circle():
    """The stable point is never reached: the best answer to a crowd is to be elsewhere."""
    visits = retrained(1.0, WEAK, 60)
    assert moves(visits)[20:].min() > 1.0
    np.testing.assert_allclose(visits[-1], visits[-3], atol=1e-2)


def test_gradient_steps_reach_the_same_stable_point():
    respond, mdp = performative.crowding(process(), 1.0, 0.3), process()

    def deploy(visits):
        return performative.ascend(respond, GAMMA, STRONG, 0.5 / STRONG, visits)

    start = performative.uniform_visits(mdp, GAMMA)
    visits = jax.jit(lambda d: performative.iterate(deploy, d, 60))(start)
    assert np.abs(visits[0] - retrained(1.0, STRONG, 1)[0]).max() > 0.01
    np.testing.assert_allclose(visits[-1], retrained(1.0, STRONG, 30)[-1], atol=1e-3)


def test_full_gradient_step_is_retraining():
    """With step 1 / regulariser the point to project forgets where it was."""
    respond = performative.crowding(process(), 1.0, 0.3)
    start = performative.uniform_visits(process(), GAMMA)
    stepped = performative.ascend(respond, GAMMA, STRONG, 1.0 / STRONG, start)
    np.testing.assert_allclose(stepped, retrained(1.0, STRONG, 1)[0], atol=1e-4)


def test_numbers_out_of_range_are_refused():
    for call, path in (
        (lambda: performative.solve(process(), 1.0, 1.0), "gamma"),
        (lambda: performative.solve(process(), GAMMA, 0.0), "regulariser"),
        (lambda: performative.crowding(process(), 1.0, 1.1), "drift"),
    ):
        with pytest.raises(ConfigError, match=path):
            call()
