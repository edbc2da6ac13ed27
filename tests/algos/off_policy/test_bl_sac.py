"""BL-SAC: what the filter keeps and damps, and SAC as its limit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.off_policy import bl_sac, sac
from jaxac.data.replay import Batch
from jaxac.heads.returns import Value
from jaxac.ops.backup import BandLimited, Nets, OneStep

from .short import assert_close, assert_equal, learned, tiny

KEY = jax.random.key(0)


def target(op, q, action):
    """What critics are trained towards where the slow critic is the function `q` of the action."""
    num = action.shape[0]
    zero, half = jnp.zeros(num), jnp.full(num, 0.5)
    batch = Batch(zero[:, None], action, zero, half, zero[:, None], half, zero.astype(int))
    nets = Nets(
        alpha=0.0,
        returns=Value(),
        policy=lambda key, obs: (action, zero),
        proposal=lambda key, obs: (action, zero),
        out=lambda key, obs, action: q(action)[None, :, None],
        slow_out=lambda key, obs, action: q(action)[:, None],
    )
    return op(KEY, (), nets, batch)[:, 0]


def test_a_filter_without_width_is_sac():
    base = learned(tiny(sac.sac())).params
    assert_close(learned(tiny(bl_sac.bl_sac(), **{"backup.width": 0.0})).params, base)
    with pytest.raises(AssertionError):
        assert_equal(learned(tiny(bl_sac.bl_sac())).params["critic"], base["critic"])


def test_what_is_linear_in_the_action_is_kept():
    """Up to the bounds of the range, where offsets are shorter."""
    action = jnp.linspace(-1.0, 1.0, 21)[:, None] * jnp.array([1.0, -0.7])

    def q(action):
        return 2.0 + action @ jnp.array([1.5, -0.4])

    got = target(BandLimited(0.5), q, action)
    np.testing.assert_allclose(got, target(OneStep(), q, action), rtol=1e-5, atol=1e-6)


def test_a_sinusoid_is_damped_by_the_transfer_function_of_the_filter():
    """exp(-(w width)^2 / 2), by far the more for the higher frequency."""
    action, width = jnp.linspace(-0.5, 0.5, 9)[:, None], 0.1
    for frequency in (2.0, 10.0, 25.0):

        def q(action, frequency=frequency):
            return jnp.sin(frequency * action[:, 0])

        got = target(BandLimited(width, 20_000), q, action)
        damped = np.exp(-((frequency * width) ** 2) / 2) * target(OneStep(), q, action)
        np.testing.assert_allclose(got, damped, atol=0.01)


def test_nearby_actions_stay_in_range_and_have_the_action_as_their_mean():
    action = jax.random.uniform(KEY, (50, 3), minval=-1.0, maxval=1.0)
    near = BandLimited(1.0, 5).around(jax.random.key(1), action)
    assert near.shape == (10, 50, 3) and float(jnp.abs(near).max()) <= 1.0 + 1e-6
    np.testing.assert_allclose(near.mean(0), action, atol=1e-6)
    assert float(near.std()) > 0.3
