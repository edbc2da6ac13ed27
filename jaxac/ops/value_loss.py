"""Value losses, per sample, from the prediction now, the one at collection and the target."""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen


@runtime_checkable
class ValueLoss(Protocol):
    """Predictions and target to loss."""

    def __call__(
        self,
        value: Float[Array, "*batch"],
        old_value: Float[Array, "*batch"],
        target: Float[Array, "*batch"],
    ) -> Float[Array, "*batch"]:
        """The loss of each sample."""
        ...


@frozen
class Squared:
    """Half the squared error."""

    def __call__(self, value, old_value, target):
        del old_value
        return 0.5 * jnp.square(value - target)


@frozen
class ClippedSquared:
    """Half the squared error, pessimistic about moves beyond `width` from the old prediction.

    Source: the PPO of OpenAI Baselines; Engstrom et al. 2020, arXiv:2005.12729, eq. 2. Wide
    `width` gives `Squared`. Andrychowicz et al. 2021, arXiv:2006.05990, find that it hurts.
    """

    width: Scalar = field(0.2, "free move of a prediction, in units of value", within="[0, inf)")

    def __call__(self, value, old_value, target):
        moved = old_value + jnp.clip(value - old_value, -self.width, self.width)
        return 0.5 * jnp.maximum(jnp.square(value - target), jnp.square(moved - target))


@frozen
class Huber:
    """Squared up to `delta`, linear beyond. Source: Huber 1964."""

    delta: Scalar = field(1.0, "error at which the loss turns linear", within="(0, inf)")

    def __call__(self, value, old_value, target):
        del old_value
        return optax.losses.huber_loss(value, target, delta=self.delta)


@frozen
class Expectile:
    """The squared error, a share `asymmetry` of it where the target is above the prediction.

    Source: Newey & Powell 1987; as a critic's loss Omura et al. 2025, arXiv:2506.05968. Its
    minimum is an expectile of the targets: 0.5 gives `Squared`, and towards 1 their maximum.
    """

    asymmetry: Scalar = field(0.5, "weight of targets above the prediction", within="(0, 1)")

    def __call__(self, value, old_value, target):
        del old_value
        weight = jnp.where(value < target, self.asymmetry, 1.0 - self.asymmetry)
        return weight * jnp.square(value - target)
