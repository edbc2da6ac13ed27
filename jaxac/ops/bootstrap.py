"""Bootstraps: what the values of the next observation's actions are worth together."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxac.core import Scalar, field, frozen

Values = Float[Array, "B A"]
Batch = Float[Array, " B"]


@runtime_checkable
class Bootstrap(Protocol):
    """A policy over the next actions, and what is paid beside their values."""

    def weights(self, q: Values, slow_q: Values) -> Values:
        """Probabilities of the next actions, by their values now and the slow copy's."""
        ...

    def entropy(self, slow_q: Values) -> Batch:
        """What is paid with the next actions' values, in reward units."""
        ...

    def bonus(self, slow_q: Values, action: Int[Array, " B"]) -> Batch:
        """What is paid with the reward, for the action taken where actions were worth `slow_q`."""
        ...


@frozen
class Max:
    """The best action by the slow copy. Source: Mnih et al. 2015 (DQN)."""

    def weights(self, q, slow_q):
        return best(slow_q)

    def entropy(self, slow_q):
        return jnp.zeros(slow_q.shape[:-1])

    def bonus(self, slow_q, action):
        return jnp.zeros(slow_q.shape[:-1])


@frozen
class Double:
    """The best action by the values now, valued by the slow copy.

    Source: van Hasselt et al. 2016, arXiv:1509.06461, eq. 4.
    """

    def weights(self, q, slow_q):
        return best(q)

    def entropy(self, slow_q):
        return jnp.zeros(slow_q.shape[:-1])

    def bonus(self, slow_q, action):
        return jnp.zeros(slow_q.shape[:-1])


@frozen
class Munchausen:
    """A softmax policy with its entropy, and its log-probability of the action in the reward.

    Source: Vieillard et al. 2020, arXiv:2007.14430, eq. 1 and 2. With `alpha` 0 it is soft
    Q-learning, and that with `tau` towards 0 is `Max`.
    """

    tau: Scalar = field(0.03, "temperature, in units of value", within="(0, inf)")
    alpha: Scalar = field(0.9, "share of the log-probability paid", within="[0, 1]")
    low: Scalar = field(-1.0, "least bonus before `alpha`", within="(-inf, 0]")

    def weights(self, q, slow_q):
        return jax.nn.softmax(slow_q / self.tau)

    def entropy(self, slow_q):
        log_prob = jax.nn.log_softmax(slow_q / self.tau)
        return -self.tau * (jnp.exp(log_prob) * log_prob).sum(-1)

    def bonus(self, slow_q, action):
        log_prob = jnp.take_along_axis(jax.nn.log_softmax(slow_q / self.tau), action[:, None], -1)
        return self.alpha * jnp.clip(self.tau * log_prob[:, 0], self.low, 0.0)


def best(q: Values) -> Values:
    """All weight on the first of the largest."""
    return jax.nn.one_hot(q.argmax(-1), q.shape[-1])
