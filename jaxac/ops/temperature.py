"""Temperatures: how much an agent pays for entropy; a coefficient that may follow the entropy."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen

Number = Float[Array, ""]


@runtime_checkable
class Temperature(Protocol):
    """A plan of alpha, in units of reward per nat; its state stands beside it."""

    def init(self) -> Any:
        """State before any update."""
        ...

    def __call__(self, state: Any) -> Number | float:
        """Alpha now."""
        ...

    def update(self, state: Any, entropy: Number, size: Number | float) -> Any:
        """State after the policy's mean entropy was measured, in nats.

        `size` is what targets are in proportion to: dimensions of a Box action, or the entropy of
        the uniform policy where actions are discrete.
        """
        ...


@frozen
class Fixed:
    """A constant; 0 leaves reward alone, as in DDPG."""

    value: Scalar = field(0.2, "alpha, reward per nat", within="[0, inf)")

    def init(self):
        return ()

    def __call__(self, state):
        return self.value

    def update(self, state, entropy, size):
        return state


@frozen
class Learned:
    """Descent on alpha (entropy - target): alpha grows while the policy is too certain.

    Source: Haarnoja et al. 2018, arXiv:1812.05905, eq. 18, on the logarithm of alpha by Adam as in
    the authors' code.
    """

    start: Scalar = field(1.0, "alpha at the beginning, reward per nat", within="(0, inf)")
    target: Scalar = field(
        -1.0,
        "entropy aimed at: nats per action dimension, or a share of the uniform policy's",
        within="(-inf, inf)",
    )
    learning_rate: Scalar = field(3e-4, "of the logarithm of alpha", within="[0, inf)")

    def init(self):
        log_alpha = jnp.log(jnp.asarray(self.start, jnp.float32))
        return log_alpha, optax.adam(self.learning_rate).init(log_alpha)

    def __call__(self, state):
        return jnp.exp(state[0])

    def update(self, state, entropy, size):
        log_alpha, opt_state = state
        grad = jax.grad(lambda x: jnp.exp(x) * (entropy - self.target * size))(log_alpha)
        step, opt_state = optax.adam(self.learning_rate).update(grad, opt_state)
        return optax.apply_updates(log_alpha, step), opt_state
