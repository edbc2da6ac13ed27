"""Return distributions: what a critic says of the return after a state and an action.

An algorithm asks for means, backs distributions up and takes losses between them; whether they are
numbers, quantiles or shares of a grid is the operator's business. `out` is [..., K] of a network.
"""

from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Scalar, Static, field, frozen
from jaxac.nets.layer import Dense, Layer
from jaxac.ops.value_loss import Squared, ValueLoss

Batch = Float[Array, "..."]
LAST = field(Dense(), "the last layer")


@runtime_checkable
class Returns(Protocol):
    """A family of distributions of returns, in units of reward."""

    def layer(self, num: int) -> nn.Module:
        """The last layer of `num` distributions at once: features [..., F] -> out [..., num, K]."""
        ...

    def mean(self, out: Array) -> Batch:
        """The expected return."""
        ...

    def std(self, out: Array) -> Batch:
        """The standard deviation of the return."""
        ...

    def sample(self, key: Key, out: Array) -> Batch:
        """A return."""
        ...

    def average(self, out: Array) -> Array:
        """Of an ensemble's distributions [E, ..., K] the one with averaged parameters."""
        ...

    def backup(self, key: Key, out: Array, shift: Batch, discount: Batch) -> Any:
        """The distribution of `shift + discount * Z` for Z as in `out`, as `loss` takes it."""
        ...

    def loss(self, out: Array, old_out: Array, target: Any) -> Batch:
        """How far `out` is from the target, which has no gradient; `old_out` is of slow weights."""
        ...

    def error(self, out: Array, target: Any) -> Batch:
        """What prioritised replay goes by, at least 0."""
        ...


class Several(nn.Module):
    """features [..., F] -> [..., num, size], by one layer."""

    last: Layer
    num: int
    size: int

    @nn.compact
    def __call__(self, x):
        return self.last(self.num * self.size)(x).reshape(*x.shape[:-1], self.num, self.size)


@frozen
class Value:
    """The expected return alone, K = 1."""

    value_loss: ValueLoss = field(Squared(), "the loss of a value")
    last: Layer = LAST

    def layer(self, num):
        return Several(self.last, num, 1)

    def mean(self, out):
        return out[..., 0]

    def std(self, out):
        return jnp.zeros(out.shape[:-1])

    def sample(self, key, out):
        del key
        return self.mean(out)

    def average(self, out):
        return out.mean(0)

    def backup(self, key, out, shift, discount):
        del key
        return affine(out, shift, discount)

    def loss(self, out, old_out, target):
        return self.value_loss(out, old_out, target)[..., 0]

    def error(self, out, target):
        return jnp.abs(out - target)[..., 0]


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


def affine(out: Array, shift: Batch, discount: Batch) -> Array:
    """`shift + discount * out` with the last axis of `out` [..., K] kept apart."""
    return shift[..., None] + discount[..., None] * out


def quantile_huber(
    out: Float[Array, "... K"], target: Float[Array, "... M"], share: Array, kappa: Scalar
) -> Float[Array, "... K"]:
    """The loss of quantiles at `share` [..., K], the mean over the M equally likely targets."""
    error = target[..., None, :] - out[..., :, None]
    size = jnp.abs(error)
    huber = jnp.where(size <= kappa, 0.5 * jnp.square(size), kappa * (size - 0.5 * kappa))
    weight = jnp.abs(share[..., None] - (error < 0))
    return (weight * huber / kappa).mean(-1)
