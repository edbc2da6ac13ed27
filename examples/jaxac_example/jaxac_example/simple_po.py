"""Simple policy optimisation (SPO): PPO with a quadratic penalty in place of the clip.

Source: Xie et al. 2025, arXiv:2401.16025 (version 8 and later; earlier ones define another loss).
Against `ppo`: the surrogate.
"""

from typing import Any

import jax.numpy as jnp

from jaxac.algos.on_policy import ppo
from jaxac.core import Scalar, field, frozen, replace

make = ppo.make


@frozen
class QuadraticPenalty:
    """The ratio gain less |advantage| / (2 epsilon) times the square of ratio - 1.

    Source: Xie et al. 2025, arXiv:2401.16025. At ratio 1 its gradient is the policy gradient. The
    best ratio is 1 + epsilon for a positive advantage and 1 - epsilon for a negative one, and
    beyond it the gradient pulls back, where that of `Clip` is zero. A wide epsilon gives `Ratio`.
    """

    epsilon: Scalar = field(
        0.2, "distance of the best ratio from 1", within="(0, inf)", search=(0.1, 0.2, 0.3)
    )

    def __call__(self, log_ratio, advantage):
        ratio = jnp.exp(log_ratio)
        penalty = jnp.abs(advantage) * jnp.square(ratio - 1.0) / (2.0 * self.epsilon)
        return ratio * advantage - penalty


def simple_po(**changes: Any) -> ppo.PPO:
    """SPO as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=QuadraticPenalty()), **changes)
