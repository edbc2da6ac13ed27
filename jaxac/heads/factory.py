"""Which head an action space gets: the `policy` slot of an algorithm."""

import math
from typing import Protocol, runtime_checkable

from jaxac.core import Scalar, field, frozen
from jaxac.envs.contract import Box, Discrete, Space
from jaxac.errors import EnvError
from jaxac.heads.categorical import Categorical
from jaxac.heads.contract import Head
from jaxac.heads.normal import Normal, TanhNormal
from jaxac.heads.spread import PerAction, Spread


@runtime_checkable
class Policy(Protocol):
    """Action space to head."""

    def __call__(self, space: Space) -> Head:
        """The head of `space`. Raises `EnvError` for a space it cannot serve."""
        ...


@frozen
class Default:
    """Categorical for Discrete, an unsquashed diagonal Gaussian for Box."""

    spread: Spread = field(PerAction(), "the standard deviation of Box actions")
    scale: Scalar = field(0.01, "gain of the last layer's initial weights", within="[0, inf)")

    def __call__(self, space):
        if isinstance(space, Discrete):
            return Categorical(space.n, self.scale)
        return Normal(*_bounds(space), space.shape, self.spread, self.scale)


@frozen
class Squashed:
    """A tanh-squashed diagonal Gaussian, for bounded Box actions only."""

    spread: Spread = field(PerAction(), "the standard deviation of Box actions")
    scale: Scalar = field(0.01, "gain of the last layer's initial weights", within="[0, inf)")

    def __call__(self, space):
        if not isinstance(space, Box) or not all(map(math.isfinite, sum(_bounds(space), ()))):
            raise EnvError(
                f"policy Squashed needs a bounded Box of actions, got {space}; use Default"
            )
        return TanhNormal(*_bounds(space), space.shape, self.spread, self.scale)


def _bounds(space: Box) -> tuple[tuple[float, ...], tuple[float, ...]]:
    low, high = space.bounds
    return tuple(map(float, low.ravel())), tuple(map(float, high.ravel()))
