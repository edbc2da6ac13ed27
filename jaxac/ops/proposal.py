"""Proposals: what becomes of the policy's actions before a target values them."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Scalar, field, frozen


@runtime_checkable
class Proposal(Protocol):
    """Actions to actions, in [-1, 1]."""

    def __call__(self, key: Key, action: Float[Array, "B A"]) -> Float[Array, "B A"]:
        """The action that a target is of."""
        ...


@frozen
class Untouched:
    """The policy's own."""

    def __call__(self, key, action):
        return action


@frozen
class Smoothed:
    """Clipped Gaussian noise, so that similar actions are valued alike.

    Source: Fujimoto et al. 2018, arXiv:1802.09477, section 5.3 (target policy smoothing).
    """

    std: Scalar = field(0.2, "of the noise; the range of an action is 2", within="[0, inf)")
    clip: Scalar = field(0.5, "largest noise", within="[0, inf)")

    def __call__(self, key, action):
        noise = jnp.clip(self.std * jax.random.normal(key, action.shape), -self.clip, self.clip)
        return jnp.clip(action + noise, -1.0, 1.0)
