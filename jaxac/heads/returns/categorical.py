"""Critics that say how the return is shared out over a grid."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, Static, field, frozen
from jaxac.heads.returns.contract import LAST, Several, affine
from jaxac.nets.layer import Layer


@frozen
class Categorical:
    """Shares of K returns evenly spread over [low, high], by cross-entropy.

    Source: Bellemare et al. 2017, arXiv:1707.06887 (C51), eq. 7: a target that falls between two
    returns of the grid, or beyond it, is shared out among its neighbours.
    """

    low: Scalar = field(-10.0, "least return that it can say", within="(-inf, inf)")
    high: Scalar = field(10.0, "greatest return that it can say", within="(-inf, inf)")
    num: Static[int] = field(51, "returns of the grid", within="[2, inf)")
    last: Layer = LAST

    @property
    def grid(self) -> Float[Array, " K"]:
        """The K returns."""
        return self.low + (self.high - self.low) * jnp.arange(self.num) / (self.num - 1)

    def layer(self, num):
        return Several(self.last, num, self.num)

    def mean(self, out):
        return (jax.nn.softmax(out) * self.grid).sum(-1)

    def std(self, out):
        second = (jax.nn.softmax(out) * jnp.square(self.grid)).sum(-1)
        return jnp.sqrt(jnp.maximum(second - jnp.square(self.mean(out)), 0.0))

    def sample(self, key, out):
        return self.grid[jax.random.categorical(key, out)]

    def average(self, out):
        return jnp.log(jax.nn.softmax(out).mean(0))

    def backup(self, key, out, shift, discount):
        del key
        spacing = (self.high - self.low) / (self.num - 1)
        moved = jnp.clip(affine(self.grid, shift, discount), self.low, self.high)
        distance = jnp.abs(moved[..., None, :] - self.grid[:, None]) / spacing
        return (jnp.maximum(1.0 - distance, 0.0) * jax.nn.softmax(out)[..., None, :]).sum(-1)

    def loss(self, out, old_out, target):
        del old_out
        return -(target * jax.nn.log_softmax(out)).sum(-1)

    def error(self, out, target):
        return self.loss(out, out, target)
