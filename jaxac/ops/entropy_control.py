"""What keeps a policy's entropy where it should be, beside or in place of a constant bonus."""

from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen
from jaxac.ops.multiplier import Ascent, Multiplier

Number = Float[Array, ""]


@runtime_checkable
class EntropyControl(Protocol):
    """A gain from entropy, and what it remembers from update to update."""

    def init(self) -> Any:
        """Before the first update."""
        ...

    def __call__(self, memory: Any, entropy: Number) -> Number:
        """The gain, at this mean entropy of a minibatch, nats."""
        ...

    def update(self, memory: Any, entropy: Number) -> Any:
        """After an update that left this mean entropy."""
        ...


@frozen
class Uncontrolled:
    """None."""

    def init(self):
        return ()

    def __call__(self, memory, entropy):
        return jnp.zeros_like(entropy)

    def update(self, memory, entropy):
        return memory


@frozen
class Banded:
    """A penalty on leaving a band around the mean of all entropies until now.

    The band is from `low` to `high` times that mean (of a negative one, as far from it). There is
    none until an update has been made. It is for discrete actions, whose entropy is above 0:
    where a density's mean entropy passes 0 the band has no width.

    Source: Xu et al. 2025, arXiv:2509.22576 (EPO). Departs: the penalty is the distance to the
    band, where the paper's is constant outside it, without a gradient; entropies are those of
    minibatches, not of single tokens.
    """

    weight: Scalar = field(0.1, "gain that a nat outside the band costs", within="[0, inf)")
    low: Scalar = field(0.8, "lower end of the band, over the mean", within="[0, 1]")
    high: Scalar = field(1.2, "upper end of the band, over the mean", within="[1, inf)")

    def init(self):
        return jnp.zeros(()), jnp.zeros(())

    def __call__(self, memory, entropy):
        total, count = memory
        mean = total / jnp.maximum(count, 1.0)
        below = mean - (1.0 - self.low) * jnp.abs(mean) - entropy
        above = entropy - mean - (self.high - 1.0) * jnp.abs(mean)
        outside = jnp.maximum(jnp.maximum(below, above), 0.0)
        return -self.weight * jnp.where(count > 0.0, outside, 0.0)

    def update(self, memory, entropy):
        total, count = memory
        return total + entropy, count + 1.0


@frozen
class AtLeast:
    """A bonus per nat whose price rises while the entropy is below `target`.

    Source: the constraint on entropy of Haarnoja et al. 2018, arXiv:1812.05905, section 5, for a
    policy that is trained on its own samples.
    """

    target: Scalar = field(0.5, "mean entropy that is kept, nats", within="(-inf, inf)")
    price: Multiplier = field(Ascent(), "gain that a nat is worth")

    def init(self):
        return self.price.init()

    def __call__(self, memory, entropy):
        return self.price(memory) * entropy

    def update(self, memory, entropy):
        return self.price.update(memory, self.target - entropy)
