"""Normalisers: running statistics of observations and values, kept in the algorithm's state.

A normaliser is a plan: `init(example) -> stats`, `update(stats, x) -> stats`, `plan(stats, x)`
normalises; `plan.inverse(stats, y)` undoes `plan.unclipped(stats, x)`. `x` is an array or a pytree
of arrays, each with statistics of its own; boolean arrays, which hold facts and no amounts, have
none and stay as they are.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen


@runtime_checkable
class Normaliser(Protocol):
    """Statistics that follow the data, and the map they define."""

    def init(self, example: Any) -> Any:
        """Statistics before any data, for arrays of `example`'s shape."""
        ...

    def update(self, stats: Any, x: Any) -> Any:
        """Statistics with the data `x` [..., *example.shape] added."""
        ...

    def __call__(self, stats: Any, x: Any) -> Any:
        """Normalised `x`."""
        ...

    def unclipped(self, stats: Any, x: Any) -> Any:
        """Normalised `x`, which `inverse` undoes."""
        ...

    def inverse(self, stats: Any, y: Any) -> Any:
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
        return each_number(lambda x: (x - self.shift) * self.scale, x)

    def unclipped(self, stats, x):
        return self(stats, x)

    def inverse(self, stats, y):
        return each_number(lambda y: y / self.scale + self.shift, y)


@frozen
class Bytes:
    """Bytes, which pixels are, to [0, 1]; all other numbers as they are."""

    def init(self, example):
        def scale(x):
            return jnp.where(jnp.result_type(x) == jnp.uint8, jnp.float32(1 / 255), 1.0)

        return each_number(scale, example, flags=no_statistics)

    def update(self, stats, x):
        return stats

    def __call__(self, stats, x):
        return each_number(lambda x, scale: x * scale, x, stats)

    def unclipped(self, stats, x):
        return self(stats, x)

    def inverse(self, stats, y):
        return each_number(lambda y, scale: y / scale, y, stats)


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
        return each_number(lambda x: no_moments(jnp.shape(x)), example, flags=no_statistics)

    def update(self, stats, x):
        return each_number(lambda x, s: add_moments(s, x), x, stats, flags=no_statistics)

    def __call__(self, stats, x):
        return each_number(lambda y: jnp.clip(y, -self.clip, self.clip), self.unclipped(stats, x))

    def unclipped(self, stats, x):
        return each_number(lambda x, s: (x - s.mean) / jnp.sqrt(s.var + self.eps), x, stats)

    def inverse(self, stats, y):
        return each_number(lambda y, s: y * jnp.sqrt(s.var + self.eps) + s.mean, y, stats)


@frozen
class PerView:
    """One normaliser for what the policy sees, another for what only the value sees.

    Pixels and a privileged state need that; of an observation without names `policy` has all.
    """

    policy: Normaliser = field(Identity(), "observations, but for `critic`")
    critic: Normaliser = field(Identity(), "the observations `critic`, if there are any")

    def init(self, example):
        return self._each(lambda plan, x: plan.init(x), example)

    def update(self, stats, x):
        return self._each(lambda plan, x, s: plan.update(s, x), x, stats)

    def __call__(self, stats, x):
        return self._each(lambda plan, x, s: plan(s, x), x, stats)

    def unclipped(self, stats, x):
        return self._each(lambda plan, x, s: plan.unclipped(s, x), x, stats)

    def inverse(self, stats, y):
        return self._each(lambda plan, y, s: plan.inverse(s, y), y, stats)

    def _each(self, f, x, *stats):
        if not isinstance(x, dict):
            return f(self.policy, x, *stats)
        plans = {name: self.critic if name == "critic" else self.policy for name in x}
        return {name: f(plans[name], x[name], *(s[name] for s in stats)) for name in x}


def no_statistics(*_: Any) -> tuple[()]:
    """What is kept of a boolean array."""
    return ()


def each_number(f: Callable, x: Any, *stats: Any, flags: Callable = lambda x, *_: x) -> Any:
    """`f(leaf, *its stats)` of each array in `x`, or `flags(...)` where the array is boolean."""

    def one(x, *stats):
        return (flags if jnp.result_type(x) == jnp.bool_ else f)(x, *stats)

    return jax.tree.map(one, x, *stats)
