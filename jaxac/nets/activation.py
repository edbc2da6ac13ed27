"""Activations as operators, so that a sweep can choose among them."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.core import Scalar, field, frozen


@runtime_checkable
class Activation(Protocol):
    """An element-wise function."""

    def __call__(self, x: Array) -> Array:
        """The activation of each element."""
        ...


@frozen
class Tanh:
    """The hyperbolic tangent."""

    def __call__(self, x):
        return jnp.tanh(x)


@frozen
class ReLU:
    """max(x, 0)."""

    def __call__(self, x):
        return jax.nn.relu(x)


@frozen
class LeakyReLU:
    """x above zero, `slope` times x below."""

    slope: Scalar = field(0.01, "slope below zero", within="[0, 1]")

    def __call__(self, x):
        return jax.nn.leaky_relu(x, self.slope)


@frozen
class Sigmoid:
    """The logistic function."""

    def __call__(self, x):
        return jax.nn.sigmoid(x)


@frozen
class SiLU:
    """x * sigmoid(x), also called swish."""

    def __call__(self, x):
        return jax.nn.silu(x)


@frozen
class GELU:
    """x times the normal distribution function, in its tanh form."""

    def __call__(self, x):
        return jax.nn.gelu(x)


@frozen
class ELU:
    """x above zero, exp(x) - 1 below."""

    def __call__(self, x):
        return jax.nn.elu(x)


@frozen
class Mish:
    """x * tanh(log(1 + exp(x))). Source: Misra 2019, arXiv:1908.08681, eq. 1."""

    def __call__(self, x):
        return x * jnp.tanh(jax.nn.softplus(x))
