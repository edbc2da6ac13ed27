"""Objectives: what a policy that climbs a critic is trained for, per sample, to be made small."""

from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen

Batch = Float[Array, " B"]


@runtime_checkable
class Objective(Protocol):
    """The policy's loss."""

    def __call__(
        self,
        q: Batch,
        entropy_cost: Batch,
        action: Float[Array, "B A"],
        done_action: Float[Array, "B A"],
    ) -> Batch:
        """The loss of each sample: `q` of the policy's `action`, and alpha log pi of it.

        `done_action` is what the buffer holds.
        """
        ...


@frozen
class Climb:
    """alpha log pi - Q. Source: Haarnoja et al. 2018, arXiv:1812.05905, eq. 7."""

    def __call__(self, q, entropy_cost, action, done_action):
        return entropy_cost - q


@frozen
class ClimbAndClone:
    """Climbing beside cloning the buffer's actions, weighed by the mean size of Q.

    Source: Fujimoto & Gu 2021, arXiv:2106.06860 (TD3+BC), eq. 3 and 5. As `weight` grows the
    gradient turns to that of `Climb` over the mean size of Q.
    """

    weight: Scalar = field(2.5, "alpha of the paper: weight of climbing", within="[0, inf)")

    def __call__(self, q, entropy_cost, action, done_action):
        scale = self.weight / jax.lax.stop_gradient(jnp.abs(q).mean())
        return entropy_cost - scale * q + jnp.square(action - done_action).mean(-1)


@frozen
class Rectified:
    """Climbing |q| tanh(q / 2): what is far from 0, either way, climbs faster than what is near.

    Source: the code of Ishuov et al. 2025, arXiv:2512.10477 (Symphony), where q is an advantage.
    """

    def __call__(self, q, entropy_cost, action, done_action):
        return entropy_cost - jnp.abs(q) * jnp.tanh(0.5 * q)
