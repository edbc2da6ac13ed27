import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.surrogate import AdvantageWeighted, Clip, Plain, Ratio, RepeatPositive

ON_POLICY = [Plain(), Ratio(), Clip(), Clip(0.05, 3.0)]


@pytest.mark.parametrize("op", ON_POLICY, ids=repr)
def test_gradient_at_ratio_one_is_the_policy_gradient(op):
    """All actions enumerated, nothing sampled: grad E_old[op] equals grad E_pi[reward]."""
    reward, logits = jnp.array([0.3, -1.0, 2.0]), jnp.array([0.1, 0.7, -0.4])
    log_old = jax.nn.log_softmax(logits)

    def gain(z):
        return (jnp.exp(log_old) * op(jax.nn.log_softmax(z) - log_old, reward)).sum()

    exact = jax.jit(jax.grad(lambda z: (jax.nn.softmax(z) * reward).sum()))(logits)
    assert abs(exact).min() > 0.01
    np.testing.assert_allclose(jax.jit(jax.grad(gain))(logits), exact, atol=1e-6)


def test_ratio_is_importance_sampling():
    """E_old[op] is E_pi[reward], whatever the two policies are."""
    reward = jnp.array([0.3, -1.0, 2.0])
    log_old = jax.nn.log_softmax(jnp.array([0.1, 0.7, -0.4]))
    log_new = jax.nn.log_softmax(jnp.array([-1.0, 0.2, 0.9]))
    got = (jnp.exp(log_old) * Ratio()(log_new - log_old, reward)).sum()
    np.testing.assert_allclose(got, (jnp.exp(log_new) * reward).sum(), rtol=1e-6)


def test_wide_clip_is_plain_ratio():
    x = jnp.linspace(-2.0, 2.0, 9), jnp.linspace(1.0, -3.0, 9)  # log_ratio, advantage
    np.testing.assert_array_equal(Clip(low=1.0, high=1e6)(*x), Ratio()(*x))


def test_clip_by_hand():
    ratio = jnp.array([0.5, 0.5, 0.95, 1.3, 1.3, 1.3])
    advantage = jnp.array([2.0, -2.0, 2.0, 2.0, -2.0, 0.0])
    want = [1.0, -2.0 * 0.9, 1.9, 2.0 * 1.2, -2.6, 0.0]
    np.testing.assert_allclose(Clip(0.1, 0.2)(jnp.log(ratio), advantage), want, rtol=1e-6)


def test_gradient_of_clip_is_zero_past_the_bound_that_the_advantage_pushes_to():
    log_ratio = jnp.log(jnp.array([0.5, 0.79, 0.81, 1.0, 1.19, 1.21, 2.0]))
    gradient = jax.jit(jax.vmap(jax.grad(Clip(0.2, 0.2)), (0, None)))
    ratio = jnp.exp(log_ratio)
    rising = [1, 1, 1, 1, 1, 0, 0]  # a positive advantage raises the ratio
    falling = [0, 0, 1, 1, 1, 1, 1]
    np.testing.assert_allclose(gradient(log_ratio, 3.0), 3.0 * ratio * jnp.array(rising), rtol=1e-6)
    np.testing.assert_allclose(
        gradient(log_ratio, -3.0), -3.0 * ratio * jnp.array(falling), rtol=1e-6
    )


def test_bounds_are_traced():
    lows = jnp.array([0.1, 0.4])
    gains = jax.jit(jax.vmap(lambda low: Clip(low)(jnp.log(0.5), -1.0)))(lows)
    np.testing.assert_allclose(gains, [-0.9, -0.6], rtol=1e-6)


def test_imitation_gains_equal_their_definitions():
    """At ratio 1 the slope in log pi is 1 for positive advantages, or the clipped exponential."""
    advantage = jnp.array([-2.0, 0.0, 0.5, 9.0])

    def slope(op):
        return jax.vmap(jax.grad(op), (0, 0))(jnp.zeros(4), advantage)

    np.testing.assert_array_equal(slope(RepeatPositive()), [0.0, 0.0, 1.0, 1.0])
    want = np.minimum(np.exp(np.asarray(advantage) / 0.5), 20.0)
    np.testing.assert_allclose(slope(AdvantageWeighted(0.5, 20.0)), want, rtol=1e-6)
