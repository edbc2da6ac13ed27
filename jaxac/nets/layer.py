"""Last layers: how a head reads its numbers off the features."""

from typing import Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen
from jaxac.nets.initialise import Initialiser, Lecun


@runtime_checkable
class Layer(Protocol):
    """A plan of a layer."""

    def __call__(self, size: int) -> nn.Module:
        """features [..., F] -> [..., size]."""
        ...


@frozen
class Dense:
    """An affine map; biases begin at zero."""

    init: Initialiser = field(Lecun(1.0), "initial weights")

    def __call__(self, size):
        return nn.Dense(size, kernel_init=self.init)


@frozen
class Noisy:
    """An affine map whose weights have learned noise, drawn anew for every batch.

    Source: Fortunato et al. 2018, arXiv:1706.10295, eq. 9 to 11 (factorised noise, shared by the
    rows of a batch) and section 3.2. Without a key for the noise the weights are their means.
    """

    sigma: Scalar = field(0.5, "initial noise of a weight times sqrt(F)", within="[0, inf)")

    def __call__(self, size):
        return _Noisy(size, self.sigma)


class _Noisy(nn.Module):
    size: int
    sigma: Scalar

    @nn.compact
    def __call__(self, x):
        num = x.shape[-1]
        bound = num**-0.5

        def even(key, shape):
            return jax.random.uniform(key, shape, minval=-bound, maxval=bound)

        def noise(_, shape):
            return jnp.full(shape, self.sigma * bound, jnp.float32)

        kernel = self.param("kernel", even, (num, self.size))
        bias = self.param("bias", even, (self.size,))
        spread = self.param("kernel_noise", noise, (num, self.size))
        bias_spread = self.param("bias_noise", noise, (self.size,))
        if not self.has_rng("noise"):
            return x @ kernel + bias
        key_in, key_out = jax.random.split(self.make_rng("noise"))
        drawn_in, drawn_out = squashed_normal(key_in, num), squashed_normal(key_out, self.size)
        kernel = kernel + spread * drawn_in[:, None] * drawn_out
        return x @ kernel + bias + bias_spread * drawn_out


def squashed_normal(key: Array, size: int) -> Float[Array, " size"]:
    """sign(z) sqrt|z| of standard normal z."""
    z = jax.random.normal(key, (size,))
    return jnp.sign(z) * jnp.sqrt(jnp.abs(z))
