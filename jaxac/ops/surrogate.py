"""Surrogates: the policy's gain per sample, to be maximised, from `log_ratio` and `advantage`.

`log_ratio` is log pi(a|s) - log pi_old(a|s) in nats; `advantage` is in reward units, or in standard
deviations where it was standardised. At ratio 1 the gradient is the policy gradient, where the
operator does not say otherwise.
"""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen


@runtime_checkable
class Surrogate(Protocol):
    """Log-ratio and advantage to gain."""

    def __call__(
        self, log_ratio: Float[Array, "*batch"], advantage: Float[Array, "*batch"]
    ) -> Float[Array, "*batch"]:
        """The gain of each sample."""
        ...


@frozen
class Plain:
    """The score-function gain. Source: Williams 1992; Mnih et al. 2016, arXiv:1602.01783."""

    def __call__(self, log_ratio, advantage):
        return log_ratio * advantage


@frozen
class Ratio:
    """The unbounded ratio gain. Source: Schulman et al. 2015, arXiv:1502.05477, eq. 14."""

    def __call__(self, log_ratio, advantage):
        return jnp.exp(log_ratio) * advantage


@frozen
class Clip:
    """The clipped probability-ratio gain.

    Source: Schulman et al. 2017, arXiv:1707.06347, eq. 7; separate bounds from DAPO,
    arXiv:2503.14476, section 3.1. Past a bound, on the side the advantage pushes to, the gradient
    is zero. Wide bounds give `Ratio`.
    """

    low: Scalar = field(
        0.2, "how far the ratio may fall below 1", within="[0, 1]", search=(0.1, 0.2, 0.3)
    )
    high: Scalar = field(
        0.2, "how far the ratio may rise above 1", within="[0, inf)", search=(0.1, 0.2, 0.3)
    )

    def __call__(self, log_ratio, advantage):
        ratio = jnp.exp(log_ratio)
        clipped = jnp.clip(ratio, 1.0 - self.low, 1.0 + self.high)
        return jnp.minimum(ratio * advantage, clipped * advantage)


@frozen
class RepeatPositive:
    """Imitate actions with a positive advantage, all alike.

    Source: the "repeat positive advantages" loss of Andrychowicz et al. 2021, arXiv:2006.05990.
    Its gradient at ratio 1 is not the policy gradient.
    """

    def __call__(self, log_ratio, advantage):
        return jnp.where(advantage > 0, log_ratio, 0.0)


@frozen
class AdvantageWeighted:
    """Imitate actions with a weight that grows exponentially with their advantage.

    Source: Peng et al. 2019, arXiv:1910.00177, Algorithm 1, its weights clipped.
    Its gradient at ratio 1 is not the policy gradient.
    """

    temperature: Scalar = field(1.0, "advantage that multiplies the weight by e", within="(0, inf)")
    max_weight: Scalar = field(20.0, "largest weight", within="(0, inf]")

    def __call__(self, log_ratio, advantage):
        weight = jnp.minimum(jnp.exp(advantage / self.temperature), self.max_weight)
        return weight * log_ratio


@frozen
class Simple:
    """The ratio gain less a square that is least where `Clip` would begin to cut.

    Source: Xie et al. 2024, arXiv:2401.16025, eq. 17 (SPO). Its gradient is never cut: past
    1 +- `width` it leads back.
    """

    width: Scalar = field(
        0.2, "distance of the optimal ratio from 1", within="(0, inf)", search=(0.1, 0.2, 0.3)
    )

    def __call__(self, log_ratio, advantage):
        far = jnp.expm1(log_ratio)
        return (1.0 + far) * advantage - jnp.abs(advantage) * far**2 / (2.0 * self.width)
