"""Bayesian policy gradient and actor-critic: the gradient as an integral that a Gaussian process
guesses, with a mean and a covariance.

Source: Ghavamzadeh, Engel & Valko 2016, "Bayesian policy gradient and actor-critic algorithms",
JMLR 17(66), arXiv:2604.27563: models 1 and 2, and the Bayesian actor-critic.

    u = score of a trajectory (of a state and action), G = mean of u u' (Fisher's matrix)
    model 1, prior on return * u:  k = (1 + u' G^-1 u)^2
      mean = sum_i return_i u_i w_i,  w = (K + noise)^-1 z,  z_i = 1 + u_i' G^-1 u_i
      covariance = (1 + P - z' (K + noise)^-1 z) identity
    model 2, prior on the return:  k = u' G^-1 u
      mean = U' (K + noise)^-1 returns,  covariance = G - U' (K + noise)^-1 U
    actor-critic, prior on Q:  k = k_state + u' G^-1 u, seen through rewards = H Q + H noise
      a = H' (H K H' + noise H H')^-1 rewards,  C = H' (H K H' + noise H H')^-1 H
      mean = U' a,  covariance = G - U' C U

With a lot of noise, model 2 is the Monte-Carlo gradient times a constant. `pytest
tests/algos/tabular/test_bayesian_pg.py` compares errors at equal samples on a bandit, a two-state
process and a chain.

Departs from it: Fisher's matrix is exact, not estimated; all samples enter, without a sparse
dictionary; of softmax policies G is singular and its pseudo-inverse stands for G^-1.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.algos.tabular.exact import EXACT, occupancy
from jaxac.algos.tabular.horizon import state_visits
from jaxac.algos.tabular.mdp import MDP, require_within
from jaxac.core import Scalar, frozen


@frozen
class Posterior:
    """What is known of the gradient, in the policy's P parameters."""

    mean: Float[Array, " P"]
    covariance: Float[Array, "P P"]


def monte_carlo(scores: Float[Array, "N P"], returns: Float[Array, " N"]) -> Float[Array, " P"]:
    """The gradient of REINFORCE without a baseline: the mean of score times return."""
    return returns @ scores / returns.shape[0]


def inverse(fisher: Float[Array, "P P"]) -> Float[Array, "P P"]:
    """The inverse on the range of Fisher's matrix, in which all scores lie."""
    return jnp.linalg.pinv(fisher, rtol=1e-4, hermitian=True)


def score_kernel(scores: Float[Array, "N P"], fisher: Float[Array, "P P"]) -> Float[Array, "N N"]:
    """u' G^-1 u of each pair."""
    half = jnp.matmul(scores, inverse(fisher), precision=EXACT)
    return jnp.matmul(half, scores.T, precision=EXACT)


def vector_posterior(
    scores: Float[Array, "N P"],
    returns: Float[Array, " N"],
    fisher: Float[Array, "P P"],
    noise: Scalar,  # variance, squared units of return times score
) -> Posterior:
    """Model 1: each part of return times score is a process of its own."""
    require_within("noise", noise, "(0, inf)")
    kernel, size = score_kernel(scores, fisher), fisher.shape[0]
    z = 1.0 + jnp.diagonal(kernel)
    weights = jnp.linalg.solve(jnp.square(1.0 + kernel) + noise * jnp.eye(z.shape[0]), z)
    known = 1.0 + jnp.trace(inverse(fisher) @ fisher)
    mean = jnp.matmul(weights * returns, scores, precision=EXACT)
    return Posterior(mean, (known - z @ weights) * jnp.eye(size))


def scalar_posterior(
    scores: Float[Array, "N P"],
    returns: Float[Array, " N"],
    fisher: Float[Array, "P P"],
    noise: Scalar,  # variance, squared return units
) -> Posterior:
    """Model 2: the return is the process."""
    kernel = score_kernel(scores, fisher)
    return _through(scores, kernel, jnp.eye(returns.shape[0]), returns, fisher, noise)


def critic_posterior(
    scores: Float[Array, "T P"],  # of each step's action in its state
    states: Float[Array, "T T"],  # the kernel between states, squared units of Q
    rewards: Float[Array, " T"],
    ended: Bool[Array, " T"],  # the last step of an episode; the last of all has to be
    gamma: Scalar,
    fisher: Float[Array, "P P"],  # `occupancy_fisher`
    noise: Scalar,  # variance of the return to go, squared
) -> Posterior:
    """The actor-critic: Q is the process, seen through differences in time of one walk."""
    require_within("gamma", gamma, "[0, 1]")
    after = jnp.where(ended, 0.0, gamma)[:, None] * jnp.eye(rewards.shape[0], k=1)
    differences = jnp.eye(rewards.shape[0]) - after
    kernel = states + score_kernel(scores, fisher)
    return _through(scores, kernel, differences, rewards, fisher, noise)


def _through(scores, kernel, seen, values, fisher, noise) -> Posterior:
    """The posterior of an integral of score times a process that is `seen` through a matrix."""
    require_within("noise", noise, "(0, inf)")
    noisy = kernel + noise * jnp.eye(values.shape[0])
    inner = jnp.matmul(jnp.matmul(seen, noisy, precision=EXACT), seen.T, precision=EXACT)
    weighed = jnp.matmul(seen, scores, precision=EXACT)
    solved = jnp.linalg.solve(inner, jnp.column_stack([values, weighed]))
    mean = jnp.matmul(weighed.T, solved[:, 0], precision=EXACT)
    return Posterior(mean, fisher - jnp.matmul(weighed.T, solved[:, 1:], precision=EXACT))


def action_scores(logits: Float[Array, "S A"]) -> Float[Array, "S A P"]:
    """Gradient of log softmax(logits)[s, a] in the logits, flattened: P = S A."""
    s, a = logits.shape
    each = jnp.eye(a) - jax.nn.softmax(logits)[:, None]
    return (jnp.eye(s)[:, None, :, None] * each[:, :, None]).reshape(s, a, s * a)


def occupancy_fisher(mdp: MDP, logits: Float[Array, "S A"], gamma: Scalar) -> Float[Array, "P P"]:
    """Sum of score score' weighed by the discounted occupancy, for the actor-critic."""
    return _outer(action_scores(logits), occupancy(mdp, jax.nn.softmax(logits), gamma))


def trajectory_fisher(mdp: MDP, logits: Float[Array, "S A"], horizon: int) -> Float[Array, "P P"]:
    """Mean of score score' over episodes of `horizon` stages of one policy."""
    policy = jax.nn.softmax(logits)
    states = state_visits(mdp, jnp.broadcast_to(policy, (horizon, *policy.shape)))[:-1].sum(0)
    return _outer(action_scores(logits), states[:, None] * policy)


def _outer(scores, weights):
    return jnp.einsum("sa,sap,saq->pq", weights, scores, scores, precision=EXACT)
