"""Surrogates without importance weights: an action's log-probability times what it is worth.

Source: Yao et al. 2025, arXiv:2509.24203, and the authors' code. Gains of `jaxac.ops.surrogate`'s
kind that hold a policy near the one that acted by leaving samples out, by a penalty, or by
weights, where PPO has ratios. `Plain` is what all of them vary.
"""

import jax
import jax.numpy as jnp

from jaxac.core import Scalar, field, frozen

LOW = field(0.2, "how far the ratio may fall below 1", within="[0, 1]", search=(0.2, 0.4, 0.6))
HIGH = field(0.2, "how far the ratio may rise above 1", within="[0, inf)", search=(0.2, 1.0, 2.0))


@frozen
class OneSide:
    """Samples count unless the advantage has pushed them past a bound already (REC-OneSide-NoIS).

    They are the samples that `Clip` counts, without its weights.
    """

    low: Scalar = LOW
    high: Scalar = HIGH

    def __call__(self, log_ratio, advantage):
        ratio = jnp.exp(jax.lax.stop_gradient(log_ratio))
        rises, falls = advantage >= 0.0, advantage <= 0.0
        counts = (rises & (ratio <= 1.0 + self.high)) | (falls & (ratio >= 1.0 - self.low))
        return jnp.where(counts, log_ratio * advantage, 0.0)


@frozen
class Ring:
    """Samples count between the bounds, and far outside where the advantage leads back (REC-Ring).

    The gap between `low` and `far_low`, or `high` and `far_high`, keeps mild strays out.
    """

    low: Scalar = LOW
    high: Scalar = HIGH
    far_low: Scalar = field(0.6, "strays below 1 by this count again", within="[0, 1]")
    far_high: Scalar = field(2.0, "strays above 1 by this count again", within="[0, inf)")

    def __call__(self, log_ratio, advantage):
        ratio = jnp.exp(jax.lax.stop_gradient(log_ratio))
        near = (ratio >= 1.0 - self.low) & (ratio <= 1.0 + self.high)
        rises = (advantage >= 0.0) & (ratio <= 1.0 - self.far_low)
        falls = (advantage <= 0.0) & (ratio >= 1.0 + self.far_high)
        return jnp.where(near | rises | falls, log_ratio * advantage, 0.0)


@frozen
class Squared:
    """All samples count, less the square of their log-ratio (OPMD).

    With log-ratios and advantages less their means over actions, which is how the paper arrives at
    it, the optimum is the old policy times exp(A / 2 `weight`), normalised.
    """

    weight: Scalar = field(1.0, "gain per squared nat", within="[0, inf)", search=(0.1, 1.0, 10.0))

    def __call__(self, log_ratio, advantage):
        return log_ratio * advantage - self.weight * log_ratio**2


@frozen
class Shifted:
    """All samples count, their advantages raised alike (AsymRE).

    On data of an older policy this imitates it; on policy it changes nothing in expectation.
    """

    shift: Scalar = field(0.1, "added to advantages", within="[0, inf)", search=(0.03, 0.1, 0.3))

    def __call__(self, log_ratio, advantage):
        return log_ratio * (advantage + self.shift)


@frozen
class Reweighed:
    """Samples count the more the better they are (RED-Weight).

    Its gradient at ratio 1 is not the policy gradient.
    """

    temperature: Scalar = field(
        1.0, "advantage that multiplies the weight by e", within="(0, inf)", search=(0.5, 1.0, 2.0)
    )

    def __call__(self, log_ratio, advantage):
        return jnp.exp(advantage / self.temperature) * advantage * log_ratio
