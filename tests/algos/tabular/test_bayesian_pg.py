import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import bayesian_pg
from jaxac.algos.tabular.exact import occupancy, policy_gradient
from jaxac.algos.tabular.horizon import sample_episode, stage_return
from jaxac.algos.tabular.mdp import chain, garnet
from jaxac.errors import ConfigError

BANDIT = jnp.diag(jnp.array([1.0, 2.0]))  # Fisher's matrix of mean and log deviation at N(0, 1)


def squared_errors(estimates, num, exact):
    """Mean squared error of each of `estimates(key)`, over `num` keys."""
    keys = jax.random.split(jax.random.key(0), num)
    found = jax.jit(lambda keys: jax.lax.map(estimates, keys))(keys)
    return [float(jnp.square(x - exact).sum(-1).mean()) for x in found]


def bandit(key, num, reward):
    """Scores and rewards of `num` actions of a standard normal policy."""
    action = jax.random.normal(key, (num,))
    return jnp.stack([action, jnp.square(action) - 1.0], 1), reward(action)


@pytest.mark.parametrize("power, exact", [(1, [1.0, 0.0]), (2, [0.0, 2.0])])
def test_error_on_the_bandit_is_far_below_monte_carlo(power, exact):
    """The linear and the quadratic reward of the paper's first experiment, 20 actions."""

    def estimates(key):
        scores, rewards = bandit(key, 20, lambda a: a**power)
        return (
            bayesian_pg.monte_carlo(scores, rewards),
            bayesian_pg.vector_posterior(scores, rewards, BANDIT, 1e-2).mean,
            bayesian_pg.scalar_posterior(scores, rewards, BANDIT, 1e-2).mean,
        )

    sampled, vector, scalar = squared_errors(estimates, 200, jnp.array(exact))
    assert vector < 0.01 * sampled
    assert scalar < 0.5 * sampled


def test_error_on_a_two_state_process_is_below_reinforce():
    """Against the gradient by differentiation of the enumerated return, 30 trajectories."""
    mdp, horizon = garnet(jax.random.key(0), 2, 2, 2), 3
    logits = jax.random.normal(jax.random.key(1), (2, 2))

    def value(z):
        return stage_return(mdp, jnp.broadcast_to(jax.nn.softmax(z), (horizon, 2, 2)))

    fisher = bayesian_pg.trajectory_fisher(mdp, logits, horizon)
    table = bayesian_pg.action_scores(logits)

    def estimates(key):
        def episode(key):
            return sample_episode(key, mdp, horizon, lambda h, s: logits[s])

        states, actions, _, _ = jax.vmap(episode)(jax.random.split(key, 30))
        scores, returns = table[states, actions].sum(1), mdp.reward[states, actions].sum(1)
        return (
            bayesian_pg.monte_carlo(scores, returns),
            bayesian_pg.vector_posterior(scores, returns, fisher, 0.1).mean,
            bayesian_pg.scalar_posterior(scores, returns, fisher, 10.0).mean,
        )

    sampled, vector, scalar = squared_errors(estimates, 200, jax.grad(value)(logits).ravel())
    assert vector < 0.4 * sampled
    assert scalar < 0.8 * sampled


HORIZON, GAMMA = 60, 0.95
CHAIN = chain(5, slip=0.1)
LOGITS = 0.5 * jax.random.normal(jax.random.key(1), (5, 2)).at[:, 1].add(1.0)


def walks(key, num):
    """Steps of `num` episodes in a row: scores, states, rewards, ends, steps still played."""

    def episode(key):
        return sample_episode(key, CHAIN, HORIZON, lambda h, s: LOGITS[s])

    states, actions, following, played = jax.vmap(episode)(jax.random.split(key, num))
    scores = bayesian_pg.action_scores(LOGITS)[states, actions] * played[..., None]
    last = jnp.concatenate([~played[:, 1:], jnp.ones((num, 1), bool)], 1)
    return scores, states, (CHAIN.terminal[following] & played).astype(jnp.float32), last, played


def test_critic_lowers_the_error_of_the_chains_gradient():
    fisher = bayesian_pg.occupancy_fisher(CHAIN, LOGITS, GAMMA)

    def estimates(key):
        scores, states, rewards, last, played = walks(key, 6)
        paid = rewards * GAMMA ** jnp.arange(HORIZON)
        to_go = jnp.cumsum(paid[:, ::-1], 1)[:, ::-1]
        sampled = (scores * to_go[..., None]).sum(1).mean(0)
        same = (states.ravel()[:, None] == states.ravel()) * jnp.outer(played, played)
        found = bayesian_pg.critic_posterior(
            scores.reshape(-1, 10), 0.3 * same, rewards.ravel(), last.ravel(), GAMMA, fisher, 0.1
        )
        return sampled, found.mean

    exact = policy_gradient(CHAIN, LOGITS, GAMMA).ravel()
    sampled, posterior = squared_errors(estimates, 30, exact)
    assert posterior < 0.3 * sampled
    assert posterior < jnp.square(exact).sum()  # so it knows more than that nothing pays


def test_critic_posterior_is_a_regression_on_returns_to_go():
    """With noise H noise the differences undo: K + noise, and discounted sums of rewards."""
    scores, states, rewards, last, _ = walks(jax.random.key(3), 1)
    scores, rewards = scores[0, :12], jnp.arange(12.0)
    last = jnp.arange(12) == 11
    same = (states[0, :12, None] == states[0, None, :12]).astype(jnp.float32)
    fisher = bayesian_pg.occupancy_fisher(CHAIN, LOGITS, GAMMA)
    found = bayesian_pg.critic_posterior(scores, same, rewards, last, GAMMA, fisher, 0.5)
    to_go = np.array([sum(GAMMA ** (j - i) * j for j in range(i, 12)) for i in range(12)])
    kernel = np.asarray(same + bayesian_pg.score_kernel(scores, fisher), np.float64)
    expected = scores.T @ np.linalg.solve(kernel + 0.5 * np.eye(12), to_go)
    np.testing.assert_allclose(found.mean, expected, rtol=1e-2, atol=1e-2)


def test_much_noise_leaves_the_monte_carlo_gradient_times_a_constant():
    scores, rewards = bandit(jax.random.key(0), 25, jnp.exp)
    sampled = bayesian_pg.monte_carlo(scores, rewards)

    def off(noise):
        mean = bayesian_pg.scalar_posterior(scores, rewards, BANDIT, noise).mean
        return jnp.linalg.norm(mean * noise / 25 - sampled) / jnp.linalg.norm(sampled)

    assert off(1.0) > 0.1
    assert off(1e6) < 1e-3


@pytest.mark.parametrize("posterior", [bayesian_pg.vector_posterior, bayesian_pg.scalar_posterior])
def test_covariance_shrinks_as_samples_come(posterior):
    scores, rewards = bandit(jax.random.key(0), 64, jnp.square)
    find = functools.partial(posterior, fisher=BANDIT, noise=0.1)
    traces = [float(jnp.trace(find(scores[:n], rewards[:n]).covariance)) for n in (1, 4, 16, 64)]
    assert traces == sorted(traces, reverse=True)
    assert 0 < traces[-1] < 0.2 * traces[0]
    eigenvalues = np.linalg.eigvalsh(find(scores, rewards).covariance)
    assert eigenvalues.min() > -1e-4


def test_fishers_matrices_are_means_of_scores():
    logits = LOGITS
    scores = bayesian_pg.action_scores(logits)
    by_hand = jax.jacobian(lambda z: jax.nn.log_softmax(z))(logits).reshape(5, 2, 10)
    np.testing.assert_allclose(scores, by_hand, atol=1e-6)
    sampled, *_ = walks(jax.random.key(0), 5000)
    whole = sampled.sum(1)
    found = bayesian_pg.trajectory_fisher(CHAIN, logits, HORIZON)
    np.testing.assert_allclose(found, whole.T @ whole / 5000, atol=0.2)
    weights = occupancy(CHAIN, jax.nn.softmax(logits), GAMMA)
    each = jnp.einsum("sap,saq->sapq", scores, scores)
    expected = (weights[..., None, None] * each).sum((0, 1))
    found = bayesian_pg.occupancy_fisher(CHAIN, logits, GAMMA)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_noise_of_zero_is_refused():
    scores, rewards = bandit(jax.random.key(0), 4, jnp.square)
    for posterior in (bayesian_pg.vector_posterior, bayesian_pg.scalar_posterior):
        with pytest.raises(ConfigError, match="noise"):
            posterior(scores, rewards, BANDIT, 0.0)
