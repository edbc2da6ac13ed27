"""A clipped surrogate whose bounds give way until good actions have their share."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, Static, field, frozen
from jaxac.ops.surrogate import Clip


@frozen
class Balanced:
    """Clipped ratios whose bounds rise until `share` of what counts has a positive advantage.

    What counts is ratio times |advantage| of the samples that are not cut. The lower bound rises
    first, which cuts unlikely bad actions, then the upper one, which lets in likely good ones; each
    in `num` steps from where it starts to where it ends, and no further than needed. With `share` 0
    they stay where they start: `Clip(1 - low, high - 1)`.

    Source: Xi et al. 2025, arXiv:2510.18927, Algorithm 1 and the authors' code. Departs: samples
    that are cut count nothing, so that both bounds raise the share (the code counts their clipped
    loss, to which the lower bound does the contrary); no third bound for bad actions that have
    become far more likely.
    """

    share: Scalar = field(
        0.5, "of what counts, that good actions are to have", within="[0, 1]", search=(0.4, 0.5)
    )
    low: Scalar = field(0.6, "lower bound of the ratio at first", within="[0, 1]")
    low_end: Scalar = field(0.9, "where it rises to at most", within="[0, 1]")
    high: Scalar = field(1.2, "upper bound of the ratio at first", within="[1, inf)")
    high_end: Scalar = field(3.0, "where it rises to at most", within="[1, inf)")
    num: Static[int] = field(10, "steps of each bound", within="[1, inf)")

    def bounds(
        self, ratio: Float[Array, "*batch"], advantage: Float[Array, "*batch"]
    ) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The least bounds that give good actions their share, or else the last."""
        rise = jnp.arange(self.num + 1) / self.num
        stay = jnp.ones(self.num)
        low = self.low + jnp.concatenate([rise, stay]) * (self.low_end - self.low)
        high = self.high + jnp.concatenate([0.0 * stay, rise]) * (self.high_end - self.high)

        def good(low, high):
            worth = ratio * jnp.abs(advantage)
            gain = jnp.where((advantage > 0.0) & (ratio <= high), worth, 0.0).sum()
            loss = jnp.where((advantage < 0.0) & (ratio >= low), worth, 0.0).sum()
            return gain >= self.share * (gain + loss)

        enough = jax.vmap(good)(low, high).at[-1].set(True)
        first = jnp.argmax(enough)
        return low[first], high[first]

    def __call__(self, log_ratio, advantage):
        low, high = self.bounds(jnp.exp(jax.lax.stop_gradient(log_ratio)), advantage)
        return Clip(1.0 - low, high - 1.0)(log_ratio, advantage)
