"""Critics that say quantiles of the return."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, Static, field, frozen
from jaxac.heads.returns.contract import LAST, Several, affine
from jaxac.nets.layer import Layer


@frozen
class Quantiles:
    """Quantiles at the middles of K equal shares of probability, by quantile regression.

    Source: Dabney et al. 2018, arXiv:1710.10044 (QR-DQN), eq. 9 and 10. The loss is the sum over
    quantiles of the mean over the target's, which may be of any number.
    """

    num: Static[int] = field(51, "quantiles", within="[1, inf)", search=(25, 51, 101, 200))
    kappa: Scalar = field(1.0, "error at which the loss turns linear", within="(0, inf)")
    last: Layer = LAST

    def layer(self, num):
        return Several(self.last, num, self.num)

    def mean(self, out):
        return out.mean(-1)

    def std(self, out):
        return out.std(-1)

    def sample(self, key, out):
        chosen = jax.random.randint(key, (*out.shape[:-1], 1), 0, out.shape[-1])
        return jnp.take_along_axis(out, chosen, -1)[..., 0]

    def average(self, out):
        return out.mean(0)

    def backup(self, key, out, shift, discount):
        del key
        return affine(out, shift, discount)

    def loss(self, out, old_out, target):
        del old_out
        share = (jnp.arange(self.num) + 0.5) / self.num
        return quantile_huber(out, target, share, self.kappa).sum(-1)

    def error(self, out, target):
        return self.loss(out, out, target)


def quantile_huber(
    out: Float[Array, "... K"], target: Float[Array, "... M"], share: Array, kappa: Scalar
) -> Float[Array, "... K"]:
    """The loss of quantiles at `share` [..., K], the mean over the M equally likely targets."""
    error = target[..., None, :] - out[..., :, None]
    size = jnp.abs(error)
    huber = jnp.where(size <= kappa, 0.5 * jnp.square(size), kappa * (size - 0.5 * kappa))
    weight = jnp.abs(share[..., None] - (error < 0))
    return (weight * huber / kappa).mean(-1)
