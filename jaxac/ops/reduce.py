"""Reductions: from the return distributions of an ensemble of critics to one."""

import math
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from jaxac.core import Key, Params, Scalar, Static, field, frozen
from jaxac.errors import ConfigError
from jaxac.heads.returns import Quantiles, Returns, Value


@runtime_checkable
class Reduce(Protocol):
    """Ensemble first, [E, ...], to one."""

    def members(self, key: Key, params: Params) -> Params:
        """The parameters of those members that are asked at all, [e, ...]."""
        ...

    def __call__(self, returns: Returns, out: Any) -> Any:
        """One distribution [B, K] of those [e, B, K] of the members; one for each from `Each`."""
        ...


@frozen
class Min:
    """The member with the smallest mean, row by row.

    Source: Fujimoto et al. 2018, arXiv:1802.09477, eq. 10 (clipped double Q-learning).
    """

    def members(self, key, params):
        return params

    def __call__(self, returns, out):
        return least(returns, out)


@frozen
class Mean:
    """The mean of the parameters of the members' distributions: of values, quantiles, shares."""

    def members(self, key, params):
        return params

    def __call__(self, returns, out):
        return returns.average(out)


@frozen
class First:
    """The first member; the others are not computed."""

    def members(self, key, params):
        return jax.tree.map(lambda x: x[:1], params)

    def __call__(self, returns, out):
        return jax.tree.map(lambda x: x[0], out)


@frozen
class Each:
    """No reduction, [E, B, K]: each member learns from its own target, a policy from all alike.

    Source: the code of Seo et al. 2025, arXiv:2512.01996 (FastSAC).
    """

    def members(self, key, params):
        return params

    def __call__(self, returns, out):
        return out


@frozen
class SubsetMin:
    """`Min` over a few members drawn anew for every batch; the others are not computed.

    Source: Chen et al. 2021, arXiv:2101.05982 (REDQ), Algorithm 1.
    """

    size: Static[int] = field(2, "members in the subset", within="[1, inf)")

    def members(self, key, params):
        num = jax.tree.leaves(params)[0].shape[0]
        chosen = jax.random.permutation(key, num)[: self.size] if self.size < num else slice(None)
        return jax.tree.map(lambda x: x[chosen], params)

    def __call__(self, returns, out):
        return least(returns, out)


@frozen
class SortedMin:
    """The least of the members' quantiles, one by one. Source: arXiv:2007.06159."""

    def members(self, key, params):
        return params

    def __call__(self, returns, out):
        return out.min(0)


@frozen
class Faded:
    """The mean of all that members say, in order, the least weighed most: [B, 1].

    Source: the code of Ishuov et al. 2025, arXiv:2512.10477 (Symphony): a share x of all being
    less, the weight is tanh((scale (1 - x))^power).
    """

    scale: Scalar = field(math.pi, "how wide the full weights are", within="(0, inf)")
    power: Scalar = field(math.e, "how steep they fall", within="(0, inf)")

    def members(self, key, params):
        return params

    def __call__(self, returns, out):
        pooled = jnp.sort(jnp.moveaxis(out, 0, -2).reshape(*out.shape[1:-1], -1), axis=-1)
        share = jnp.arange(pooled.shape[-1]) / pooled.shape[-1]
        weight = jnp.tanh(jnp.power(self.scale * (1.0 - share), self.power))
        return (pooled * weight / weight.sum()).sum(-1, keepdims=True)


@frozen
class Truncated:
    """All members' quantiles as one distribution, but for the largest `drop` of each member.

    Source: Kuznetsov et al. 2020, arXiv:2005.04269 (TQC), eq. 10 and 11: E (K - drop) equally
    likely returns, in order. It has no meaning for shares of a grid: `ConfigError`.
    """

    drop: Static[int] = field(
        2, "quantiles of each member that are dropped", within="[0, inf)", search=(0, 1, 2, 3, 5)
    )

    def members(self, key, params):
        return params

    def __call__(self, returns, out):
        num, size = out.shape[0], out.shape[-1]
        if not isinstance(returns, Quantiles | Value):
            raise ConfigError("reduce", f"Truncated pools quantiles, not {type(returns).__name__}")
        if self.drop >= size:
            raise ConfigError("reduce.drop", f"{self.drop} of {size} quantiles leave none")
        pooled = jnp.sort(jnp.moveaxis(out, 0, -2).reshape(*out.shape[1:-1], -1), axis=-1)
        return pooled[..., : num * (size - self.drop)]


def least(returns: Returns, out: Any) -> Any:
    """Of distributions [E, B, K] the one with the smallest mean in each row."""
    lowest = jnp.argmin(returns.mean(out), axis=0)

    def pick(x):
        index = lowest.reshape(1, *lowest.shape, *(1,) * (x.ndim - 1 - lowest.ndim))
        return jnp.take_along_axis(x, index, axis=0)[0]

    return jax.tree.map(pick, out)
