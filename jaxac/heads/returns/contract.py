"""Return distributions: what a critic says of the return after a state and an action.

An algorithm asks for means, backs distributions up and takes losses between them; whether they are
numbers, quantiles or shares of a grid is the operator's business. `out` is [..., K] of a network.
"""

from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
from jaxtyping import Array, Float

from jaxac.core import Key, field
from jaxac.nets.layer import Dense, Layer

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


def affine(out: Array, shift: Batch, discount: Batch) -> Array:
    """`shift + discount * out` with the last axis of `out` [..., K] kept apart."""
    return shift[..., None] + discount[..., None] * out
