"""A bounded Box as the cube [-1, 1]^size, in which policies act."""

import math

import jax
from jaxtyping import Array, Float

from jaxac.core import Key, Static, field, frozen
from jaxac.envs.contract import Box, Space
from jaxac.errors import EnvError
from jaxac.heads import normal


@frozen
class Range:
    """What [-1, 1] stands for in each dimension of an action."""

    low: Static[tuple[float, ...]] = field((-1.0,), "lower bound per dimension, finite")
    high: Static[tuple[float, ...]] = field((1.0,), "upper bound per dimension, finite")
    shape: Static[tuple[int, ...]] = field((1,), "shape of an action")

    @property
    def size(self) -> int:
        """Dimensions of an action."""
        return len(self.low)

    def decode(self, action: Array) -> Array:
        """The environment's actions [..., *shape] of those in [-1, 1], [..., size]."""
        return normal.to_range(action, self.low, self.high, self.shape)

    def uniform(self, key: Key, num: int) -> Float[Array, "num size"]:
        """Actions spread evenly over it all: what is tried before anything is learned."""
        return jax.random.uniform(key, (num, self.size), minval=-1.0, maxval=1.0)


def bounded(space: Space) -> Range:
    """The range of a Box. Raises `EnvError` for another space, or one without bounds."""
    if isinstance(space, Box):
        low, high = (tuple(map(float, x.ravel())) for x in space.bounds)
        if all(map(math.isfinite, (*low, *high))):
            return Range(low, high, space.shape)
    raise EnvError(
        f"the policy's actions live in [-1, 1], so the space must be a bounded Box, but it is "
        f"{space}; wrap the environment in ClipAction with finite bounds"
    )
