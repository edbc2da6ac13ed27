"""Critics that are trained as classifiers of a smoothed return."""

import jax.numpy as jnp
from jax.scipy.special import erf

from jaxac.core import Scalar, field, frozen
from jaxac.heads.returns.categorical import Categorical


@frozen
class HLGauss(Categorical):
    """Shares of K returns, trained towards a Gaussian about the expected target.

    The share of a return of the grid is the Gaussian's mass between it and half the way to its
    neighbours, over the mass on the whole grid.
    Source: Imani & White 2018, arXiv:1806.04613; Farebrother et al. 2024, arXiv:2403.03950,
    section 3.1. What is said of a target is its mean alone, where `Categorical` moves all shares.
    """

    ratio: Scalar = field(
        0.75, "deviation of the Gaussian, in steps of the grid", within="(0, inf)"
    )

    def backup(self, key, out, shift, discount):
        del key
        spacing = (self.high - self.low) / (self.num - 1)
        target = jnp.clip(shift + discount * self.mean(out), self.low, self.high)
        edges = self.low + spacing * (jnp.arange(self.num + 1) - 0.5)
        scale = self.ratio * spacing * jnp.sqrt(2.0)
        mass = erf((edges - target[..., None]) / scale)
        return (mass[..., 1:] - mass[..., :-1]) / (mass[..., -1:] - mass[..., :1])
