"""TQC: the truncated mixture against numpy, and its limits."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import tqc
from jaxac.errors import ConfigError
from jaxac.heads.returns import Categorical, Quantiles, Value
from jaxac.ops.reduce import First, Mean, Min, Truncated

from .short import assert_close, drawn, learned, target_of, tiny


def test_the_target_is_that_of_the_paper():
    """r + d (z_i - alpha log pi) of the smallest (K - 2) E of all quantiles, row by row."""
    hp = tiny(tqc.tqc(), **{"critic.num": 3, "critic.returns.num": 5})
    _, learner, batch = drawn(hp)
    got, _, log_prob, out, alpha = jax.device_get(target_of(hp, learner, batch, jax.random.key(2)))
    assert got.shape == (16, 9)
    for i in range(16):
        kept = sorted(out[:, i].ravel())[:9]
        soft = [z - float(alpha) * float(log_prob[i]) for z in kept]
        want = [float(batch.reward[i]) + float(batch.discount[i]) * z for z in soft]
        np.testing.assert_allclose(got[i], want, rtol=1e-4, atol=1e-5)


def test_the_loss_is_that_of_the_paper():
    """Each critic's quantiles by the quantile Huber loss to every kept one, in two loops."""
    returns = Quantiles(4)
    key_out, key_target = jax.random.split(jax.random.key(0))
    out, target = jax.random.normal(key_out, (1, 4)), 2 * jax.random.normal(key_target, (1, 6))
    want = 0.0
    for m in range(4):
        for z in np.asarray(target[0]):
            u, share = float(z - out[0, m]), (2 * m + 1) / 8
            huber = 0.5 * u**2 if abs(u) <= 1 else abs(u) - 0.5
            want += abs(share - (u < 0)) * huber / 6
    np.testing.assert_allclose(returns.loss(out, out, target), [want], rtol=1e-5)


def test_one_critic_that_drops_nothing_is_its_distributional_parent():
    base = tiny(tqc.tqc(), **{"critic.num": 1, "critic.reduce.drop": 0})
    parent = config.configure(base, {"critic.reduce": First()})
    a, b = learned(base), learned(parent)
    assert_close((a.params, a.slow), (b.params, b.slow))
    dropping = learned(config.configure(base, {"critic.reduce.drop": 5}))
    with pytest.raises(AssertionError):
        assert_close(dropping.params["critic"], b.params["critic"])


def test_of_two_critics_that_are_certain_the_least_is_left():
    """Clipped double Q as a limit: two equal quantiles each, the larger half dropped."""
    out = jax.random.normal(jax.random.key(0), (2, 7, 1)).repeat(2, axis=-1)
    got = Truncated(1)(Quantiles(2), out)
    np.testing.assert_array_equal(got, Min()(Quantiles(2), out))


def test_dropping_lowers_the_mean_and_dropping_nothing_keeps_it():
    out, returns = jax.random.normal(jax.random.key(1), (5, 8, 25)), Quantiles(25)
    means = [returns.mean(Truncated(d)(returns, out)) for d in range(4)]
    np.testing.assert_allclose(means[0], returns.mean(Mean()(returns, out)), atol=1e-6)
    for more, less in itertools.pairwise(means):
        assert (less < more).all()


def test_what_cannot_be_pooled_is_refused():
    out = jnp.zeros((2, 3, 4))
    with pytest.raises(ConfigError, match="Categorical"):
        Truncated(1)(Categorical(num=4), out)
    with pytest.raises(ConfigError, match="leave none"):
        Truncated(4)(Quantiles(4), out)
    np.testing.assert_array_equal(Truncated(0)(Value(), out[..., :1]), jnp.zeros((3, 2)))
