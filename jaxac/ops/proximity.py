"""What it costs a policy to leave the one that acted, beside or in place of a clipped surrogate.

`forward` is KL(old || new) and `backward` KL(new || old) at each observation, exact, in nats.
"""

from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen
from jaxac.ops.multiplier import PID, Multiplier

RANGE = 2.0**12


@runtime_checkable
class Proximity(Protocol):
    """A penalty, and what it remembers from update to update."""

    def init(self) -> Any:
        """Before the first update."""
        ...

    def __call__(
        self, memory: Any, forward: Float[Array, "*batch"], backward: Float[Array, "*batch"]
    ) -> Float[Array, "*batch"]:
        """The penalty of each sample, in units of the gain."""
        ...

    def update(self, memory: Any, forward: Float[Array, "*batch"]) -> Any:
        """After an update that left the new policy at these distances from the old."""
        ...


@frozen
class Free:
    """None."""

    def init(self):
        return ()

    def __call__(self, memory, forward, backward):
        return jnp.zeros_like(forward)

    def update(self, memory, forward):
        return memory


@frozen
class Forward:
    """KL(old || new) times a number. Source: Schulman et al. 2017, arXiv:1707.06347, eq. 5."""

    coef: Scalar = field(1.0, "gain that a nat costs", within="[0, inf)", search=(0.3, 1.0, 3.0))

    def init(self):
        return ()

    def __call__(self, memory, forward, backward):
        return self.coef * forward

    def update(self, memory, forward):
        return memory


@frozen
class Adaptive:
    """KL(old || new) times a number that doubles or halves as updates go too far or not far enough.

    Source: Schulman et al. 2017, arXiv:1707.06347, section 4. The number stays within `RANGE` times
    more or less than at first, so that it comes back from either end.
    """

    target: Scalar = field(
        0.01, "mean KL of an update, nats", within="(0, inf)", search=(0.003, 0.01, 0.03)
    )
    start: Scalar = field(1.0, "gain that a nat costs at first", within="(0, inf)")
    slack: Scalar = field(
        1.5, "how many times more or less than the target is still right", within="[1, inf)"
    )

    def init(self):
        return jnp.asarray(self.start, jnp.float32)

    def __call__(self, memory, forward, backward):
        return memory * forward

    def update(self, memory, forward):
        mean = forward.mean()
        far, near = mean > self.slack * self.target, mean < self.target / self.slack
        price = jnp.where(far, 2.0 * memory, jnp.where(near, 0.5 * memory, memory))
        return jnp.clip(price, self.start / RANGE, self.start * RANGE)


@frozen
class Lagrange:
    """KL(old || new) times a multiplier that grows while the largest KL is above a bound.

    Source: Zentner et al. 2023, arXiv:2312.05405 (FixPO).
    """

    bound: Scalar = field(
        0.5, "largest KL at any observation, nats", within="(0, inf]", search=(0.1, 0.3, 0.5)
    )
    margin: Scalar = field(3.0, "the multiplier aims at `bound` over this", within="[1, inf)")
    rate: Scalar = field(0.1, "step size of the multiplier", within="[0, inf)")
    start: Scalar = field(1.0, "the multiplier at first", within="[0, inf)")

    def init(self):
        return jnp.asarray(self.start, jnp.float32)

    def __call__(self, memory, forward, backward):
        return memory * forward

    def update(self, memory, forward):
        excess = self.margin * forward.max() - self.bound
        moved = jnp.maximum(memory + self.rate * excess, 0.0)
        return jnp.where(jnp.isinf(self.bound), 0.0, moved)


@frozen
class Controlled:
    """KL(old || new) times a price that a controller moves until the mean KL is `target`.

    Source: Stooke et al. 2020, arXiv:2007.03964, Algorithm 2, for the controller; its use on a KL
    as in "SAFE: Stable Alignment Finetuning with Entropy-Aware Predictive Control" (2026).
    """

    target: Scalar = field(
        0.01, "mean KL of an update, nats", within="(0, inf)", search=(0.003, 0.01, 0.03)
    )
    price: Multiplier = field(
        PID(proportional=10.0, integral=10.0, derivative=10.0), "gain that a nat costs"
    )

    def init(self):
        return self.price.init()

    def __call__(self, memory, forward, backward):
        return self.price(memory) * forward

    def update(self, memory, forward):
        return self.price.update(memory, forward.mean() - self.target)


@frozen
class Mirror:
    """KL(new || old) over a step size: mirror descent in the space of policies.

    Source: Tomar et al. 2020, arXiv:2005.09814, eq. 9. Fully optimised, the new policy is the old
    one times exp(`step` A), normalised.
    """

    step: Scalar = field(1.0, "step size t, in 1 / gain", within="(0, inf)", search=(0.3, 1.0, 3.0))

    def init(self):
        return ()

    def __call__(self, memory, forward, backward):
        return backward / self.step

    def update(self, memory, forward):
        return memory
