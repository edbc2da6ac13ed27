"""Spreads: where the standard deviation of a Gaussian policy comes from."""

from typing import Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen
from jaxac.nets.initialise import orthogonal

LOG_STD = field(0.0, "initial log standard deviation, in nats", within="[-20, 20]")
LEAST = field(0.0, "added to the standard deviation", within="[0, inf)")


@runtime_checkable
class Spread(Protocol):
    """Features to log standard deviations, with parameters of its own."""

    def __call__(
        self, module: nn.Module, features: Float[Array, "*batch F"], size: int
    ) -> Float[Array, "..."]:
        """Log standard deviations [size] or [..., size], in nats; `module` holds the parameters."""
        ...


@frozen
class PerAction:
    """The exponential of a parameter per dimension, the same for every observation."""

    log_std: Scalar = LOG_STD
    least: Scalar = LEAST

    def __call__(self, module, features, size):
        raw = module.param("log_std", lambda _: jnp.full(size, self.log_std, jnp.float32))
        return jnp.log(jnp.exp(raw) + self.least)


@frozen
class Softplus:
    """log(1 + exp(x)) of a parameter per dimension, the same for every observation.

    One of the choices compared by Andrychowicz et al. 2021, arXiv:2006.05990.
    """

    log_std: Scalar = LOG_STD
    least: Scalar = field(1e-3, "added to the standard deviation", within="[0, inf)")

    def __call__(self, module, features, size):
        start = jnp.log(jnp.expm1(jnp.exp(self.log_std)))
        raw = module.param("raw_std", lambda _: jnp.full(size, start, jnp.float32))
        return jnp.log(jax.nn.softplus(raw) + self.least)


@frozen
class PerState:
    """The exponential of a linear function of the features: it depends on the observation."""

    log_std: Scalar = LOG_STD
    least: Scalar = LEAST

    def __call__(self, module, features, size):
        del module  # the layer below joins the module that is being set up
        bias = nn.initializers.constant(self.log_std)
        layer = nn.Dense(size, kernel_init=orthogonal(0.01), bias_init=bias, name="log_std")
        return jnp.log(jnp.exp(layer(features)) + self.least)
