"""Laws: which transitions a batch is drawn from."""

import math
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

from jaxac.core import Key, Scalar, Static, field, frozen
from jaxac.data import sums
from jaxac.data.ring import Extent


@runtime_checkable
class Law(Protocol):
    """A distribution over the places of a ring; what it remembers stands beside it."""

    def init(self, num_places: int) -> Any:
        """Memory before any transition."""
        ...

    def added(self, memory: Any, fresh: Int32[Array, " n"], gone: Int32[Array, " g"]) -> Any:
        """Memory after the places `fresh` were written and `gone` must not be drawn any more."""
        ...

    def draw(
        self, key: Key, memory: Any, extent: Extent, num: int
    ) -> tuple[Int32[Array, " num"], Float[Array, " num"]]:
        """Places, drawn with replacement, and the weights of their losses, at most 1."""
        ...

    def learned(self, memory: Any, place: Int32[Array, " n"], error: Float[Array, " n"]) -> Any:
        """Memory after the transitions at `place` were learned from with absolute TD `error`."""
        ...


@frozen
class Uniform:
    """Every transition alike, as SB3 draws; Rejax draws without replacement."""

    def init(self, num_places):
        return ()

    def added(self, memory, fresh, gone):
        return memory

    def draw(self, key, memory, extent, num):
        held = extent.filled * extent.num_envs
        drawn = jax.random.randint(key, (num,), 0, held)
        place = (extent.oldest * extent.num_envs + drawn) % (extent.capacity * extent.num_envs)
        return place, jnp.ones(num)

    def learned(self, memory, place, error):
        return memory


@frozen
class Fading:
    """By age: what is recent alike, what is old less and less, whatever was learned from it.

    Source: Ishuov et al. 2025, arXiv:2512.10477 (Symphony), and its authors' code: with x the share
    of what is held that is older, in proportion to tanh((scale x)^power). Weights are 1. A time
    step is drawn by the area above it, summed up on a grid of `num_points`; the code has the height
    at its older end. As `scale` grows it is `Uniform`.
    """

    scale: Scalar = field(math.pi, "how far back full weights go", within="(0, inf)")
    power: Scalar = field(math.e, "how steep they fall", within="(0, inf)")
    num_points: Static[int] = field(1024, "points of the grid", within="[2, inf)")

    def init(self, num_places):
        return ()

    def added(self, memory, fresh, gone):
        return memory

    def draw(self, key, memory, extent, num):
        key_time, key_env = jax.random.split(key)
        middle = (jnp.arange(self.num_points) + 0.5) / self.num_points
        below = jnp.cumsum(jnp.tanh(jnp.power(self.scale * middle, self.power)))
        below = jnp.concatenate([jnp.zeros(1), below / below[-1]])
        share = jnp.interp(
            jax.random.uniform(key_time, (num,)), below, jnp.linspace(0.0, 1.0, len(below))
        )
        newer = jnp.clip(extent.filled * share, 0, extent.filled - 1).astype(jnp.int32)
        env = jax.random.randint(key_env, (num,), 0, extent.num_envs)
        return extent.place(extent.filled - 1 - newer, env), jnp.ones(num)

    def learned(self, memory, place, error):
        return memory


@frozen
class Prioritised:
    """In proportion to a power of the last TD error; weights undo it as `beta` goes to 1.

    Source: Schaul et al. 2016, arXiv:1511.05952, section 3.3 (the proportional variant, stratified)
    and 3.4 (weights, over the largest of the batch). A new transition has the largest priority that
    any has had.
    """

    alpha: Scalar = field(0.6, "power of the error; 0 is uniform", within="[0, inf)")
    beta: Scalar = field(0.4, "how much weights correct, 1 in full", within="[0, 1]")
    eps: Scalar = field(1e-6, "added to the error", within="(0, inf)")
    fan: Static[int] = field(8, "children of a node of the tree of sums", within="[2, inf)")

    def init(self, num_places):
        return sums.empty(num_places, self.fan), jnp.ones(())

    def added(self, memory, fresh, gone):
        tree, largest = memory
        tree = sums.put(tree, fresh, jnp.broadcast_to(largest, fresh.shape))
        return (sums.put(tree, gone, jnp.zeros(gone.shape)) if gone.size else tree), largest

    def draw(self, key, memory, extent, num):
        tree, _ = memory
        share = (jnp.arange(num) + jax.random.uniform(key, (num,))) / num
        place, priority = sums.find(tree, share)
        weight = jnp.power(priority, -self.beta)
        return place, weight / weight.max()

    def learned(self, memory, place, error):
        tree, largest = memory
        priority = jnp.power(error + self.eps, self.alpha)
        return sums.put(tree, place, priority), jnp.maximum(largest, priority.max())
