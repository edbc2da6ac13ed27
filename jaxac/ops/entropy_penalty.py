"""Entropy penalties: what a policy of discrete actions pays for the entropy that it has."""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen

Batch = Float[Array, " B"]


@runtime_checkable
class EntropyPenalty(Protocol):
    """Entropies to what is added to the policy's loss."""

    def __call__(self, entropy: Batch, old_entropy: Batch) -> Batch:
        """The penalty of each sample, reward units, from entropies in nats: the policy's now, and
        that of the policy that acted when the sample was taken."""
        ...


@frozen
class Free:
    """None."""

    def __call__(self, entropy, old_entropy):
        del old_entropy
        return jnp.zeros_like(entropy)


@frozen
class SquaredChange:
    """The squared change since the sample was taken.

    Source: Zhou et al. 2022, arXiv:2209.10081, section 5.1; weight as in the authors' code. With
    weight 0 it is `Free`.
    """

    weight: Scalar = field(0.5, "reward units per squared nat", within="[0, inf)")

    def __call__(self, entropy, old_entropy):
        return self.weight * jnp.square(entropy - old_entropy)
