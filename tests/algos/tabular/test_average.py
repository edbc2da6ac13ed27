import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import average
from jaxac.algos.tabular.exact import policy_q
from jaxac.algos.tabular.mdp import garnet, ring


@pytest.mark.parametrize("mdp", [garnet(jax.random.key(0), 5, 3, 3), ring(6, 0.5, 0.2)])
def test_gain_and_bias_match_a_long_run(mdp):
    policy = jax.nn.softmax(jax.random.normal(jax.random.key(1), mdp.reward.shape))
    p = np.einsum("sa,sax->sx", policy, mdp.transition).astype(np.float64)
    p /= p.sum(-1, keepdims=True)
    r = np.asarray((policy * mdp.reward).sum(-1), np.float64)
    law = np.linalg.matrix_power(p, 4096)[0]
    np.testing.assert_allclose(average.stationary(mdp, policy), law, atol=1e-5)
    np.testing.assert_allclose(average.gain(mdp, policy), law @ r, atol=1e-5)
    total, now = np.zeros(len(r)), r - law @ r
    for _ in range(2000):
        total, now = total + now, p @ now
    np.testing.assert_allclose(average.bias(mdp, policy), total, atol=1e-4)


def test_gain_gradient_is_the_stationary_law_times_advantage():
    """The policy gradient theorem for the average reward (Sutton & Barto 2018, section 13.6)."""
    mdp = garnet(jax.random.key(2), 5, 3, 3)
    logits = jax.random.normal(jax.random.key(3), mdp.reward.shape)
    policy = jax.nn.softmax(logits)
    value = average.bias(mdp, policy)
    q = mdp.reward - average.gain(mdp, policy) + mdp.transition @ value
    expected = average.stationary(mdp, policy)[:, None] * policy * (q - value[:, None])
    np.testing.assert_allclose(average.gain_gradient(mdp, logits), expected, atol=1e-5)


def test_gain_is_the_limit_of_discounted_values():
    mdp = garnet(jax.random.key(4), 5, 3, 3)
    policy = jnp.full((5, 3), 1 / 3)
    discounted = (1 - 0.999) * policy_q(mdp, policy, 0.999)
    np.testing.assert_allclose(discounted, average.gain(mdp, policy), atol=5e-3)
