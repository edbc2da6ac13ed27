"""Choices: from the values of a few actions to the one that is tried."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxac.core import Key, Scalar, field, frozen
from jaxac.heads.categorical import ILLEGAL
from jaxac.ops.schedule import Linear


@runtime_checkable
class Choice(Protocol):
    """Action values to actions."""

    def __call__(self, key: Key, q: Float[Array, "N A"]) -> Int[Array, " N"]:
        """The action of each row; `q` is `ILLEGAL` where an action is not allowed."""
        ...


@frozen
class EpsilonGreedy:
    """The best action, but for a share of `epsilon` any legal one. Source: Mnih et al. 2015."""

    epsilon: Scalar = field(Linear(1.0, 0.05, 0.2), "share of random actions", within="[0, 1]")

    def __call__(self, key, q):
        key_which, key_action = jax.random.split(key)
        explores = jax.random.uniform(key_which, q.shape[:1]) < self.epsilon
        return jnp.where(explores, any_legal(key_action, q), q.argmax(-1))


@frozen
class Greedy:
    """The best action: for networks that explore by their own noise."""

    def __call__(self, key, q):
        return q.argmax(-1)


@frozen
class Boltzmann:
    """Actions in proportion to exp(q / temperature)."""

    temperature: Scalar = field(1.0, "in units of value", within="(0, inf)")

    def __call__(self, key, q):
        return jax.random.categorical(key, q / self.temperature)


def any_legal(key: Key, q: Float[Array, "N A"]) -> Int[Array, " N"]:
    """A legal action of each row, each as likely."""
    return jax.random.categorical(key, jnp.where(q > 0.5 * ILLEGAL, 0.0, ILLEGAL))
