"""Picks: which of a few actions that a behaviour policy drew is taken."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxac.core import Key, frozen
from jaxac.ops.value_loss import ValueLoss

Drawn = Float[Array, "N S"]
NEAR = 1e-6  # a smaller advantage counts as this: some weights have no value at 0


@runtime_checkable
class Pick(Protocol):
    """Values and weights of drawn actions to one of them."""

    def __call__(self, key: Key, q: Drawn, weight: Drawn) -> Int[Array, " N"]:
        """Which of S actions is taken in each row."""
        ...


@frozen
class ByWeight:
    """In proportion to the weights. Source: Hansen-Estruch et al. 2023, arXiv:2304.10573."""

    def __call__(self, key, q, weight):
        return jax.random.categorical(key, jnp.log(weight))


@frozen
class Best:
    """The most valuable. Source: arXiv:2304.10573, section 5."""

    def __call__(self, key, q, weight):
        return q.argmax(-1)


def implicit_weights(
    value_loss: ValueLoss, q: Float[Array, "*batch"], value: Float[Array, "*batch"]
) -> Float[Array, "*batch"]:
    """|f'(Q - V)| / |Q - V| of a loss f, for losses of the difference alone.

    The behaviour policy times that is, but for a factor, the policy whose values V are the least
    mean of f. Source: arXiv:2304.10573, section 4, generalised IQL.
    """
    advantage = q - value
    advantage = jnp.where(jnp.abs(advantage) < NEAR, NEAR, advantage)
    slope = jax.grad(lambda v: value_loss(v, v, advantage).sum())(jnp.zeros_like(advantage))
    return jnp.abs(slope) / jnp.abs(advantage)
