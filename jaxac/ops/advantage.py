"""Advantage scaling: over all data before the epochs, and over each minibatch inside them."""

from typing import Protocol, runtime_checkable

from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen

Batch = Float[Array, "*batch"]


@runtime_checkable
class AdvantageScale(Protocol):
    """Two places to scale advantages at."""

    def batch(self, advantage: Batch) -> Batch:
        """All advantages of an update, scaled before the first epoch."""
        ...

    def minibatch(self, advantage: Batch) -> Batch:
        """The advantages of one minibatch, scaled in its loss."""
        ...


@frozen
class PerMinibatch:
    """Standardise within each minibatch, as OpenAI Baselines does."""

    eps: Scalar = field(1e-8, "added to the standard deviation", within="[0, inf)")

    def batch(self, advantage):
        return advantage

    def minibatch(self, advantage):
        return standardise(advantage, self.eps)


@frozen
class PerBatch:
    """Standardise once over all the data of an update."""

    eps: Scalar = field(1e-8, "added to the standard deviation", within="[0, inf)")

    def batch(self, advantage):
        return standardise(advantage, self.eps)

    def minibatch(self, advantage):
        return advantage


@frozen
class Unscaled:
    """Advantages in reward units."""

    def batch(self, advantage):
        return advantage

    def minibatch(self, advantage):
        return advantage


def standardise(x: Batch, eps: Scalar = 1e-8) -> Batch:
    """Zero mean and unit (population) standard deviation over all elements."""
    return (x - x.mean()) / (x.std() + eps)
