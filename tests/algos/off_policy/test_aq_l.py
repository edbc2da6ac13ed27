"""AQ-L: from the Bellman optimality operator to the Bellman operator, and SAC as its limit."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import aq_l, sac, td3
from jaxac.algos.tabular import exact, mdp
from jaxac.core import scheduled
from jaxac.ops.value_loss import Expectile, Squared

from .short import assert_equal, learned, tiny

PATH = "critic.returns.value_loss.asymmetry"


def test_asymmetry_of_a_half_is_sac():
    """Bit for bit, and 0.9 is something else."""
    base = learned(tiny(sac.sac())).params
    half, skewed = (learned(tiny(aq_l.aq_l(), **{PATH: x})).params for x in (0.5, 0.9))
    assert_equal(half, base)
    for name in ("actor", "critic"):
        with pytest.raises(AssertionError):
            assert_equal(skewed[name], base[name])


def test_a_half_has_the_values_and_gradients_of_the_squared_error():
    x, t = jax.random.normal(jax.random.key(0), (2, 100))
    for of in (lambda op: op(x, x, t), lambda op: jax.grad(lambda x: op(x, x, t).sum())(x)):
        np.testing.assert_array_equal(of(Expectile(0.5)), of(Squared()))


def test_the_loss_counts_targets_above_by_their_share():
    got = Expectile(0.9)(jnp.zeros(2), jnp.zeros(2), jnp.array([2.0, -2.0]))
    np.testing.assert_allclose(got, [0.9 * 4, 0.1 * 4], rtol=1e-6)


def test_it_is_annealed_and_nothing_else_changes():
    for base in (sac.sac(), td3.td3()):
        hp = aq_l.annealed(base)
        for progress, want in ((0.0, 0.9), (0.5, 0.7), (1.0, 0.5), (2.0, 0.5)):
            now = scheduled(hp, jnp.float32(progress)).critic.returns.value_loss.asymmetry
            np.testing.assert_allclose(now, want, rtol=1e-6)
        assert config.configure(hp, {"critic.returns": base.critic.returns}) == base


def test_fixed_points_rise_from_the_policys_values_to_the_optimum():
    """A deterministic process, a uniform policy: every next action enumerated."""
    gamma, process = 0.8, mdp.garnet(jax.random.key(0), 5, 3, 1)
    uniform = jnp.full((5, 3), 1 / 3)
    following = process.transition.argmax(-1)  # [S, A]

    def error(q, slow, asymmetry):
        goes_on = (~process.terminal)[following][..., None]
        target = process.reward[..., None] + gamma * goes_on * slow[following]  # [S, A, A']
        value = jnp.broadcast_to(q[..., None], target.shape)
        return Expectile(asymmetry)(value, value, target).mean(-1).sum()

    @jax.jit
    def fixed_point(asymmetry):
        def step(q, _):
            return q - 0.5 * jax.grad(error)(q, q, asymmetry), None

        return jax.lax.scan(step, jnp.zeros((5, 3)), None, 40_000)[0]

    found = [fixed_point(x) for x in (0.5, 0.7, 0.9, 0.99, 0.9995)]
    best = exact.lookahead(process, exact.optimal_value(process, gamma), gamma)
    np.testing.assert_allclose(found[0], exact.policy_q(process, uniform, gamma), atol=1e-4)
    np.testing.assert_allclose(found[-1], best, atol=0.02)
    for less, more in itertools.pairwise(found):
        assert (less <= more + 1e-5).all() and (less < more).any()
