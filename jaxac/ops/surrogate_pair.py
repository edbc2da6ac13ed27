"""Surrogates of pairs: what counts is how much better one sample is than another.

A number that is added to all advantages changes nothing. The pairs are of a minibatch, whatever
their observations: advantages have what a state is worth taken out already, where the papers pair
answers to one prompt by their rewards. Gains are scaled so that at ratio 1 the gradient is the
policy gradient, with the other samples for a baseline.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen
from jaxac.ops.surrogate import Clip

Batch = Float[Array, "*batch"]


@frozen
class Relative:
    """Regress differences of log-ratios over `step` on differences of advantages, over all pairs.

    Source: Gao et al. 2024, arXiv:2404.16767, Algorithm 1 (REBEL). The optimum is the old policy
    times exp(`step` A), normalised; one Gauss-Newton step towards it is the natural gradient.
    """

    step: Scalar = field(
        1.0, "log-ratio per unit of advantage", within="(0, inf)", search=(0.3, 1.0, 3.0)
    )

    def __call__(self, log_ratio, advantage):
        error = log_ratio / self.step - advantage
        error -= error.mean()
        each = error**2 + (error**2).mean()  # the mean over all others of a squared difference
        return -0.25 * self.step * each * _distinct(error)


@frozen
class Contrastive:
    """Differences of scores by differences of regularised advantages, over all pairs.

    Source: Flet-Berliac et al. 2024, arXiv:2406.19185, eq. 9 (CoPG). It needs no ratios, whoever
    drew the samples. Its gradient is that of `Relative` with `step` 1 / `weight`.
    """

    weight: Scalar = field(
        1.0, "advantage that a nat of log-ratio costs", within="[0, inf)", search=(0.3, 1.0, 3.0)
    )

    def __call__(self, log_ratio, advantage):
        worth = advantage - self.weight * jax.lax.stop_gradient(log_ratio)
        return (worth - worth.mean()) * log_ratio * _distinct(worth)


@frozen
class ClippedPair:
    """Clipped ratios of two neighbours, by the difference of their advantages.

    Source: Wu et al. 2023, arXiv:2310.00212, section 4.2 (P3O with separate clipping). Minibatches
    that are shuffled make neighbours of chance.
    """

    low: Scalar = field(0.2, "how far a ratio may fall below 1", within="[0, 1]")
    high: Scalar = field(0.2, "how far a ratio may rise above 1", within="[0, inf)")

    def __call__(self, log_ratio, advantage):
        def neighbour(x: Batch) -> Batch:
            return jnp.roll(x.ravel(), 1).reshape(x.shape)

        clip, better = Clip(self.low, self.high), advantage - neighbour(advantage)
        return 0.5 * (clip(log_ratio, better) + clip(neighbour(log_ratio), -better))


def _distinct(x: Batch) -> float:
    """What makes means over all pairs of [n] means over those of two samples."""
    return x.size / max(x.size - 1, 1)
