import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog

from jaxac.algos.tabular import p2r
from jaxac.algos.tabular.horizon import (
    greedy,
    optimal_q,
    optimal_return,
    sample_episode,
    stage_return,
    state_visits,
)
from jaxac.algos.tabular.mdp import MDP, garnet
from jaxac.core import replace
from jaxac.errors import ConfigError

HORIZON, ACCURACY = 5, 0.05
MDP4 = garnet(jax.random.key(0), 4, 3, 2)
UTILITY = 0.5 * MDP4.reward.ravel()
RADIUS = float(np.sqrt(p2r.RIDGE) * jnp.linalg.norm(UTILITY))  # exact answers leave this much
rewards = jax.jit(p2r.rewards, static_argnums=1)


def questions(num):
    """Visit counts of trajectories of the uniform policy, less those of the first of them."""

    def features(key):
        states, actions, _, _ = sample_episode(key, MDP4, HORIZON, lambda h, s: jnp.zeros(3))
        return jnp.zeros((4, 3)).at[states, actions].add(1.0).ravel()

    each = jax.vmap(features)(jax.random.split(jax.random.key(1), num + 1))
    return each[1:] - each[0]


def asked_and_errors(num, compare, accuracy, radius):
    x = questions(num)
    _, found, asked = rewards(jax.random.key(2), compare, p2r.no_memory(12), x, accuracy, radius)
    return np.asarray(asked), np.abs(found - x @ UTILITY)


def test_answers_are_within_the_accuracy_and_questions_stop():
    compare = p2r.exact_comparisons(UTILITY)
    asked, errors = asked_and_errors(3000, compare, ACCURACY, RADIUS)
    assert errors.max() <= ACCURACY
    longest = float(np.linalg.norm(questions(3000), axis=1).max())
    assert 0 < asked.sum() <= p2r.most_questions(12, longest, ACCURACY, RADIUS) < 3000
    assert asked.sum() <= 3 * 12  # the number of features
    assert asked[300:].sum() == 0


def test_sampled_comparisons_are_as_accurate_for_more_questions():
    """10,000 answers a question leave an error of some 0.02 to 0.1, which questions average out."""
    compare = p2r.sampled_comparisons(UTILITY, 10_000)
    asked, errors = asked_and_errors(3000, compare, 0.2, 0.3)
    assert errors.max() <= 0.2
    assert 12 < asked.sum() < 150
    assert asked[1500:].sum() < 0.1 * asked[:1500].sum()


def test_planning_on_the_answers_is_nearly_optimal():
    """State-action pairs are compared with the first pair: rewards up to a constant."""
    x = jnp.eye(12) - jnp.eye(12)[0]
    memory, compare = p2r.no_memory(12), p2r.exact_comparisons(UTILITY)
    _, found, _ = rewards(jax.random.key(0), compare, memory, x, ACCURACY, RADIUS)
    np.testing.assert_allclose(found, UTILITY - UTILITY[0], atol=ACCURACY)
    true = replace(MDP4, reward=UTILITY.reshape(4, 3))
    told = replace(MDP4, reward=found.reshape(4, 3))
    lost = optimal_return(true, HORIZON) - stage_return(true, greedy(optimal_q(told, HORIZON)))
    assert -1e-5 < lost <= 2 * HORIZON * ACCURACY


def choice(num):
    """One stage: from state 0, action i ends in state i + 1."""
    to = np.zeros((num + 1, num, num + 1), np.float32)
    to[0] = np.eye(num, num + 1, 1)
    to[1:] = np.eye(num + 1)[1:, None]
    start = jnp.eye(num + 1)[0]
    return MDP(jnp.asarray(to), jnp.zeros((num + 1, num)), jnp.zeros(num + 1, bool), start)


def cycle(margins):
    """Rock beats scissors beats paper beats rock, by these margins over a half."""
    a, b, c = margins
    games = np.array([[0, -a, b], [a, 0, -c], [-b, c, 0]])
    return jnp.asarray(0.5 + np.pad(games, (1, 0)), jnp.float32)


def linear_programme(game):
    """The value of a matrix game for the row player, and a best mixture."""
    m, n = game.shape
    found = linprog(
        np.r_[np.zeros(m), -1.0],
        A_ub=np.c_[-game.T, np.ones(n)],
        b_ub=np.zeros(n),
        A_eq=np.r_[np.ones(m), 0.0][None],
        b_eq=[1.0],
        bounds=[(0, None)] * m + [(None, None)],
    )
    return -found.fun, found.x[:m]


def test_winner_of_a_cycle_is_the_mixture_of_the_linear_programme():
    preference = cycle((0.1, 0.2, 0.4))
    value, mixture = linear_programme(np.asarray(preference)[1:, 1:])
    np.testing.assert_allclose(value, 0.5, atol=1e-6)
    _, law = p2r.von_neumann_winner(choice(3), preference, 1, 0.05, 20_000)
    np.testing.assert_allclose(law[1:], mixture, atol=0.01)
    pure = [p2r.exploitability(choice(3), preference, 1, jnp.eye(4)[i]) for i in (1, 2, 3)]
    assert min(pure) > 0.09
    assert p2r.exploitability(choice(3), preference, 1, law) < 0.01


def test_winner_over_two_stages_holds_the_value_of_the_enumerated_game():
    mdp = garnet(jax.random.key(3), 3, 2, 3)
    rng = np.random.default_rng(0).uniform(-0.5, 0.5, (3, 3))
    preference = jnp.asarray(0.5 + 0.5 * (rng - rng.T), jnp.float32)
    policies = [
        jax.nn.one_hot(jnp.array(x).reshape(2, 3), 2) for x in itertools.product(range(2), repeat=6)
    ]
    laws = np.asarray(jax.lax.map(lambda p: state_visits(mdp, p)[-1], jnp.stack(policies)))
    game = laws @ np.asarray(preference) @ laws.T
    value, _ = linear_programme(game)
    _, law = p2r.von_neumann_winner(mdp, preference, 2, 0.5, 5000)
    worst = (np.asarray(law) @ np.asarray(preference) @ laws.T).min()
    np.testing.assert_allclose(worst, value, atol=5e-3)
    exploited = p2r.exploitability(mdp, preference, 2, law)
    np.testing.assert_allclose(exploited, 0.5 - worst, atol=1e-3)


def test_an_accuracy_of_zero_is_refused():
    with pytest.raises(ConfigError, match="accuracy"):
        p2r.ask(
            jax.random.key(0), p2r.exact_comparisons(UTILITY), p2r.no_memory(12), UTILITY, 0.0, 1.0
        )
