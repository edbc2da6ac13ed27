"""Initialisers that are safe in a vmapped program.

From jaxlib 0.10.0 on, two or more independent batched LAPACK calls in one program can hang for ever
on a machine with few cores, and `vmap` over an orthogonal initialiser with QR is exactly that.
"""

import functools
import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Scalar, field, frozen

Weights = Float[Array, "..."]
GAIN = field(math.sqrt(2.0), "factor of the weights", within="[0, inf)")


@runtime_checkable
class Initialiser(Protocol):
    """Initial weights of a layer; the last axis of `shape` is its output."""

    def __call__(self, key: Key, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Weights:
        """The weights; a function that flax takes as `kernel_init`."""
        ...


@frozen
class Orthogonal:
    """Orthonormal rows or columns. Source: Saxe et al. 2014, arXiv:1312.6120."""

    gain: Scalar = GAIN

    def __call__(self, key, shape, dtype=jnp.float32):
        return orthogonal(self.gain)(key, shape, dtype)


@frozen
class Lecun:
    """Normal, with variance 1 / inputs at gain 1. Source: LeCun et al. 1998, Efficient BackProp."""

    gain: Scalar = GAIN

    def __call__(self, key, shape, dtype=jnp.float32):
        return self.gain * jax.nn.initializers.lecun_normal()(key, shape, dtype)


@frozen
class Glorot:
    """Uniform, with variance 2 / (inputs + outputs) at gain 1. Source: Glorot & Bengio 2010."""

    gain: Scalar = GAIN

    def __call__(self, key, shape, dtype=jnp.float32):
        return self.gain * jax.nn.initializers.glorot_uniform()(key, shape, dtype)


def orthogonal(scale: Scalar = 1.0) -> Callable[..., Weights]:
    """A flax initialiser: random orthonormal rows or columns, times `scale`.

    Source: Saxe et al. 2014, arXiv:1312.6120; the distribution (Haar) and, to rounding, the very
    matrix that QR of the same Gaussian gives, without LAPACK.
    """

    def initialise(key: Key, shape: tuple[int, ...], dtype=jnp.float32):
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = jax.random.normal(key, (max(rows, columns), min(rows, columns)), jnp.float32)
        basis = gram_schmidt(tall)
        return (scale * (basis if rows >= columns else basis.T)).reshape(shape).astype(dtype)

    return initialise


@functools.partial(jax.jit, inline=True)
def gram_schmidt(a: Float[Array, "m n"]) -> Float[Array, "m n"]:
    """Orthonormal columns that span those of `a`, m >= n, in order; Q of QR with R's diagonal > 0.

    Each column is projected twice, which keeps it orthogonal to float accuracy whatever the
    condition of `a` ("twice is enough": Giraud, Langou & Rozloznik 2005). Under `jit`, since flax
    traces a layer's initialiser again each time the layer is applied.
    """

    a = jnp.asarray(a)

    def add_column(i, basis):
        column = a[:, i]
        for _ in range(2):
            column = column - basis @ (basis.T @ column)
        return basis.at[:, i].set(column / jnp.linalg.norm(column))

    return jax.lax.fori_loop(0, a.shape[1], add_column, jnp.zeros_like(a))
