"""Surrogates: the policy's gain per sample, to be maximised, from `log_ratio` and `advantage`.

`log_ratio` is log pi(a|s) - log pi_old(a|s) in nats; `advantage` is in reward units, or in standard
deviations where it was standardised. At ratio 1 the gradient of each is the policy gradient.
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
