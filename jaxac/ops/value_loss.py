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
class RectifiedHuber:
    """e tanh(e / 2) of the error e: half its square near 0, its size far from it.

    Source: Ishuov et al. 2025, arXiv:2512.10477 (Symphony).
    """

    def __call__(self, value, old_value, target):
        del old_value
        error = value - target
        return error * jnp.tanh(0.5 * error)


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


@frozen
class Pinball:
    """The absolute error, a share `asymmetry` of it where the target is above the prediction.

    Source: Koenker & Bassett 1978; as the loss of a state's value Hansen-Estruch et al. 2023,
    arXiv:2304.10573, section 4. Its minimum is a quantile of the targets.
    """

    asymmetry: Scalar = field(0.7, "weight of targets above the prediction", within="(0, 1)")

    def __call__(self, value, old_value, target):
        del old_value
        weight = jnp.where(value < target, self.asymmetry, 1.0 - self.asymmetry)
        return weight * jnp.abs(value - target)


@frozen
class Exponential:
    """exp(z) - z of z = `scale` (target - prediction), linear where z is above `cap`.

    Source: Hansen-Estruch et al. 2023, arXiv:2304.10573, section 4; the cap of its code. Its
    minimum, without the cap, is the log of the mean of exp(scale target), over `scale`.
    """

    scale: Scalar = field(1.0, "per unit of value", within="(0, inf)")
    cap: Scalar = field(1.79, "largest z of the exponential, log(6)", within="(0, inf)")

    def __call__(self, value, old_value, target):
        del old_value
        z = self.scale * (target - value)
        return jnp.exp(jnp.minimum(z, self.cap)) * (1.0 + jnp.maximum(z - self.cap, 0.0)) - z
