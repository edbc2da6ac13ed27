"""Multipliers: what a unit of cost is worth in reward, moved until a constraint holds.

They see `excess`, by how much the mean cost was above its bound.
"""

from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen

Number = Float[Array, ""]
RATE = field(0.05, "step size, in reward per squared cost", within="[0, inf)")
START = field(0.0, "the multiplier at first, in reward per cost", within="[0, inf)")


@runtime_checkable
class Multiplier(Protocol):
    """A plan of lambda, at least 0; its state stands beside it."""

    def init(self) -> Any:
        """State before any update."""
        ...

    def __call__(self, state: Any) -> Number:
        """Lambda now, in reward per cost."""
        ...

    def update(self, state: Any, excess: Number) -> Any:
        """State after the cost was measured."""
        ...


@frozen
class Ascent:
    """Gradient ascent of the Lagrangian. Source: Altman 1999, "Constrained MDPs", chapter 3."""

    rate: Scalar = RATE
    start: Scalar = START

    def init(self):
        return jnp.asarray(self.start, jnp.float32)

    def __call__(self, state):
        return state

    def update(self, state, excess):
        return jnp.maximum(state + self.rate * excess, 0.0)


@frozen
class Extrapolated:
    """Ascent along 2 g[t] - g[t - 1], which does not circle.

    Source: Moskovitz et al. 2023, arXiv:2302.01275, section 4 (ReLOAD).
    """

    rate: Scalar = RATE
    start: Scalar = START

    def init(self):
        return jnp.asarray(self.start, jnp.float32), jnp.zeros(()), jnp.zeros(())

    def __call__(self, state):
        return state[0]

    def update(self, state, excess):
        value, before, count = state
        before = jnp.where(count > 0.0, before, excess)  # the first has none before it
        moved = value + self.rate * (2.0 * excess - before)
        return jnp.maximum(moved, 0.0), excess, count + 1.0


@frozen
class PID:
    """A controller that sees the excess, its sum, and how fast it grows.

    Source: Stooke et al. 2020, arXiv:2007.03964, Algorithm 2. With `proportional` and `derivative`
    0 it is `Ascent`.
    """

    proportional: Scalar = field(0.1, "per unit of excess", within="[0, inf)")
    integral: Scalar = field(0.05, "per unit of its sum", within="[0, inf)")
    derivative: Scalar = field(0.1, "per unit that it grew by", within="[0, inf)")

    def init(self):
        return jnp.zeros(()), jnp.zeros(()), jnp.zeros(())

    def __call__(self, state):
        total, excess, growth = state
        steady = self.proportional * excess + self.derivative * growth
        return jnp.maximum(steady + self.integral * total, 0.0)

    def update(self, state, excess):
        total, before, _ = state
        # A sum held at 0 from below does not have to be paid back first.
        return jnp.maximum(total + excess, 0.0), excess, jnp.maximum(excess - before, 0.0)
