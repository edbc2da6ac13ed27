"""Penalties on values of actions that the buffer does not hold, where all are valued at once."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxac.core import Scalar, field, frozen


@runtime_checkable
class ValuesPenalty(Protocol):
    """Values of all actions to what is added to the loss."""

    def __call__(self, q: Float[Array, "B A"], action: Int[Array, " B"]) -> Float[Array, " B"]:
        """The penalty of each row; `action` is what the buffer holds."""
        ...


@frozen
class Free:
    """None."""

    def __call__(self, q, action):
        return jnp.zeros(q.shape[:1])


@frozen
class Conservative:
    """weight (log sum_a exp Q(s, a) - Q(s, action)), the sum over every action.

    Source: Kumar et al. 2020, arXiv:2006.04779, eq. 4 (CQL(H)).
    """

    weight: Scalar = field(1.0, "alpha of the paper: weight of the penalty", within="[0, inf)")

    def __call__(self, q, action):
        taken = jnp.take_along_axis(q, action[:, None], axis=-1)[:, 0]
        return self.weight * (jax.nn.logsumexp(q, axis=-1) - taken)
