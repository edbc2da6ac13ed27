"""Surrogates less a divergence that is estimated from the samples themselves.

With w the ratio of new to old policy, of actions that the old one drew, each has the gradient of

    E[w A]  -  `weight` D(new, old)

on and off policy, as D's integrand is weighed by w where the new policy's expectation is meant.
Source: Zhang et al. 2025, arXiv:2505.17508, Table 1 (RPG), the fully differentiable forms. Where a
head knows its divergence, `jaxac.ops.proximity` has it without sampling.
"""

import jax.numpy as jnp

from jaxac.core import Scalar, field, frozen

WEIGHT = field(0.1, "gain that a nat costs", within="[0, inf)", search=(0.01, 0.1, 1.0))


@frozen
class LessForwardKL:
    """D = KL(old || new), the mean of -log w."""

    weight: Scalar = WEIGHT

    def __call__(self, log_ratio, advantage):
        return jnp.exp(log_ratio) * advantage + self.weight * log_ratio


@frozen
class LessForwardUKL:
    """D = KL(old || new) of measures that need not sum to 1, the mean of w - 1 - log w."""

    weight: Scalar = WEIGHT

    def __call__(self, log_ratio, advantage):
        w = jnp.exp(log_ratio)
        return w * advantage - self.weight * (jnp.expm1(log_ratio) - log_ratio)


@frozen
class LessReverseKL:
    """D = KL(new || old), the mean of w log w."""

    weight: Scalar = WEIGHT

    def __call__(self, log_ratio, advantage):
        w = jnp.exp(log_ratio)
        return w * advantage - self.weight * w * log_ratio


@frozen
class LessReverseUKL:
    """D = KL(new || old) of measures that need not sum to 1, the mean of w log w - w + 1.

    It is the estimator k3 weighed by w. Unweighed, as is often done, its gradient is of another
    divergence.
    """

    weight: Scalar = WEIGHT

    def __call__(self, log_ratio, advantage):
        w = jnp.exp(log_ratio)
        return w * advantage - self.weight * (w * log_ratio - jnp.expm1(log_ratio))
