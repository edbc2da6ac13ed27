"""Gaussian heads, for Box actions: diagonal, with a standard deviation of its own per dimension.

Both act in units where [-1, 1] is the environment's range (its own units where that is unbounded).
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import Scalar, Static, field, frozen
from jaxac.heads.spread import PerAction, Spread
from jaxac.nets.initialise import orthogonal

LOG_SQRT_2PI = 0.5 * float(np.log(2.0 * np.pi))


class _MeanAndLogStd(nn.Module):
    """Features to [mean, log_std]."""

    size: int
    scale: Scalar
    spread: Spread

    @nn.compact
    def __call__(self, x):
        mean = nn.Dense(self.size, kernel_init=orthogonal(self.scale))(x)
        log_std = self.spread(self, x, self.size)
        return jnp.concatenate([mean, jnp.broadcast_to(log_std, mean.shape)], axis=-1)


@frozen
class Normal:
    """An unsquashed Gaussian; `decode` scales its sample and clips it to the range.

    Source: Schulman et al. 2017, arXiv:1707.06347, section 6.1. The clipping is the environment's:
    log-probabilities are of the unclipped sample, as in OpenAI Baselines.
    """

    low: Static[tuple[float, ...]] = field((-1.0,), "lower bound per dimension")
    high: Static[tuple[float, ...]] = field((1.0,), "upper bound per dimension")
    shape: Static[tuple[int, ...]] = field((1,), "shape of an action")
    spread: Spread = field(PerAction(), "the standard deviation")
    scale: Scalar = field(0.01, "gain of the last layer's initial weights", within="[0, inf)")

    def layer(self):
        return _MeanAndLogStd(len(self.low), self.scale, self.spread)

    def sample(self, key, out):
        mean, log_std = jnp.split(out, 2, axis=-1)
        return mean + jnp.exp(log_std) * jax.random.normal(key, mean.shape)

    def mode(self, out):
        return jnp.split(out, 2, axis=-1)[0]

    def log_prob(self, out, action):
        mean, log_std = jnp.split(out, 2, axis=-1)
        error = (action - mean) * jnp.exp(-log_std)
        return (-0.5 * jnp.square(error) - log_std - LOG_SQRT_2PI).sum(-1)

    def entropy(self, out):
        log_std = jnp.split(out, 2, axis=-1)[1]
        return (log_std + LOG_SQRT_2PI + 0.5).sum(-1)

    def kl(self, out, other):
        mean, log_std = jnp.split(out, 2, axis=-1)
        other_mean, other_log_std = jnp.split(other, 2, axis=-1)
        excess = log_std - other_log_std
        error = jnp.square((mean - other_mean) * jnp.exp(-other_log_std))
        return (0.5 * (jnp.exp(2.0 * excess) + error - 1.0) - excess).sum(-1)

    def decode(self, action):
        return to_range(action, self.low, self.high, self.shape)


@frozen
class TanhNormal:
    """A Gaussian squashed by tanh into the range; its actions are kept before the squashing.

    Source: Haarnoja et al. 2018, arXiv:1801.01290, appendix C. The entropy adds the mean of the
    squashing's log-slope by Gauss-Hermite quadrature, exact to 2e-3 nats for log_std <= 1 and to
    0.1 at 2.
    """

    low: Static[tuple[float, ...]] = field((-1.0,), "lower bound per dimension, finite")
    high: Static[tuple[float, ...]] = field((1.0,), "upper bound per dimension, finite")
    shape: Static[tuple[int, ...]] = field((1,), "shape of an action")
    spread: Spread = field(PerAction(), "the standard deviation")
    scale: Scalar = field(0.01, "gain of the last layer's initial weights", within="[0, inf)")

    def layer(self):
        return _MeanAndLogStd(len(self.low), self.scale, self.spread)

    def _before(self):
        return Normal(self.low, self.high, self.shape)

    def sample(self, key, out):
        return self._before().sample(key, out)

    def mode(self, out):
        return self._before().mode(out)

    def log_prob(self, out, action):
        return self._before().log_prob(out, action) - _log_slope(action).sum(-1)

    def entropy(self, out):
        mean, log_std = jnp.split(out, 2, axis=-1)
        nodes, weights = np.polynomial.hermite_e.hermegauss(32)
        samples = mean[..., None] + jnp.exp(log_std)[..., None] * nodes
        slope = (_log_slope(samples) * (weights / weights.sum())).sum(-1)
        return self._before().entropy(out) + slope.sum(-1)

    def kl(self, out, other):
        return self._before().kl(out, other)  # the squashing is one to one

    def decode(self, action):
        return to_range(jnp.tanh(action), self.low, self.high, self.shape)


def _log_slope(u):
    """log d tanh(u) / du, stable for large |u|."""
    return 2.0 * (jnp.log(2.0) - u - jax.nn.softplus(-2.0 * u))


def to_range(action, low, high, shape):
    """Map [-1, 1] onto [low, high] and clip; an unbounded dimension keeps its units."""
    low, high = np.asarray(low, np.float32), np.asarray(high, np.float32)
    bounded = np.isfinite(low) & np.isfinite(high)
    middle = np.where(bounded, 0.5 * (np.where(bounded, high, 0) + np.where(bounded, low, 0)), 0.0)
    half = np.where(bounded, np.where(bounded, high, 0) - middle, 1.0)
    return jnp.clip(middle + half * action, low, high).reshape(action.shape[:-1] + shape)
