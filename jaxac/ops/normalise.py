"""Normalisers: running statistics of observations and values, kept in the algorithm's state.

A normaliser is a plan: `init(example) -> stats`, `update(stats, x) -> stats`, `plan(stats, x)`
normalises; `plan.inverse(stats, y)` undoes `plan.unclipped(stats, x)`.
"""

from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen


@runtime_checkable
class Normaliser(Protocol):
    """Statistics that follow the data, and the map they define."""

    def init(self, example: Array) -> Any:
        """Statistics before any data, for arrays of `example`'s shape."""
        ...

    def update(self, stats: Any, x: Array) -> Any:
        """Statistics with the data `x` [..., *example.shape] added."""
        ...

    def __call__(self, stats: Any, x: Array) -> Array:
        """Normalised `x`."""
        ...

    def unclipped(self, stats: Any, x: Array) -> Array:
        """Normalised `x`, which `inverse` undoes."""
        ...

    def inverse(self, stats: Any, y: Array) -> Array:
        """What `y` was before `unclipped`."""
        ...


@frozen
class Moments:
    """Mean and population variance of `count` samples."""

    mean: Float[Array, "*shape"]
    var: Float[Array, "*shape"]
    count: Float[Array, ""]


def no_moments(shape: tuple[int, ...]) -> Moments:
    """The moments of no data: normalising by them changes nothing."""
    return Moments(jnp.zeros(shape), jnp.ones(shape), jnp.zeros(()))


def add_moments(moments: Moments, x: Array) -> Moments:
    """Moments with the samples of `x` [..., *shape] added.

    Source: Chan, Golub & LeVeque 1983, eq. 1.5. The first data replace the prior (mean 0, var 1).
    """
    samples = jnp.asarray(x, jnp.float32).reshape((-1, *moments.mean.shape))
    n, m = moments.count, samples.shape[0]
    delta = samples.mean(0) - moments.mean
    total = n + m
    squares = moments.var * n + samples.var(0) * m + jnp.square(delta) * n * m / total
    return Moments(moments.mean + delta * m / total, squares / total, total)


@frozen
class Identity:
    """No normalisation, no statistics."""

    def init(self, example):
        return ()

    def update(self, stats, x):
        return stats

    def __call__(self, stats, x):
        return x

    def unclipped(self, stats, x):
        return x

    def inverse(self, stats, y):
        return y


@frozen
class Affine:
    """A constant shift and scale: pixels to [0, 1] with `scale` = 1 / 255."""

    shift: Scalar = field(0.0, "subtracted first", within="(-inf, inf)")
    scale: Scalar = field(1.0, "then multiplied", within="(0, inf)")

    def init(self, example):
        return ()

    def update(self, stats, x):
        return stats

    def __call__(self, stats, x):
        return (x - self.shift) * self.scale

    def unclipped(self, stats, x):
        return self(stats, x)

    def inverse(self, stats, y):
        return y / self.scale + self.shift


@frozen
class Standard:
    """Zero mean and unit variance by running statistics, then clipped.

    Source: the `VecNormalize` of OpenAI Baselines; Engstrom et al. 2020, arXiv:2005.12729. The
    statistics that collect a batch also train on it, so old log-probabilities stay exact; they are
    updated afterwards.
    """

    clip: Scalar = field(10.0, "largest magnitude, in standard deviations", within="(0, inf]")
    eps: Scalar = field(1e-8, "added to the variance", within="[0, inf)")

    def init(self, example):
        return no_moments(jnp.shape(example))

    def update(self, stats, x):
        return add_moments(stats, x)

    def __call__(self, stats, x):
        return jnp.clip(self.unclipped(stats, x), -self.clip, self.clip)

    def unclipped(self, stats, x):
        return (x - stats.mean) / jnp.sqrt(stats.var + self.eps)

    def inverse(self, stats, y):
        return y * jnp.sqrt(stats.var + self.eps) + stats.mean
