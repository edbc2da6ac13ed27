"""A ring of rows [C, N, ...], one row a time step of N environments; the oldest are overwritten.

Time first, so that what an environment lived through is one column: returns of n steps, sequences
and stacks of frames are read off it, and stored once.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int32

from jaxac.core import Int, frozen


@frozen
class Ring:
    """Rows and how many have ever been written."""

    rows: Any  # [C, N, ...]
    written: Int  # time steps

    @property
    def shape(self) -> tuple[int, int]:
        """C time steps of N environments."""
        first = jax.tree.leaves(self.rows)[0]
        return first.shape[0], first.shape[1]

    @property
    def filled(self) -> Int:
        """Time steps held."""
        return jnp.minimum(self.written, self.shape[0])


@frozen
class Extent:
    """What of a ring may be read: places are `time * N + environment` in its arrays."""

    oldest: Int  # time, in the ring's arrays, of the oldest row
    filled: Int
    capacity: int | Int  # C
    num_envs: int | Int  # N

    def place(self, age: Int32[Array, "..."], env: Int32[Array, "..."]) -> Int32[Array, "..."]:
        """The place of what an environment did `age` time steps ago, 0 for the newest row."""
        time = (self.oldest + self.filled - 1 - age) % self.capacity
        return time * self.num_envs + env


def empty(example: Any, capacity: int) -> Ring:
    """A ring of `capacity` rows like `example` [N, ...], none written."""
    rows = jax.tree.map(lambda x: jnp.zeros((capacity, *x.shape), x.dtype), example)
    return Ring(rows, jnp.int32(0))


def add(ring: Ring, rows: Any) -> Ring:
    """The ring with `rows` [T, N, ...] written; T divides its capacity, so none is cut in two."""
    at = ring.written % ring.shape[0]
    num = jax.tree.leaves(rows)[0].shape[0]
    written = jax.tree.map(
        lambda held, new: jax.lax.dynamic_update_slice_in_dim(held, new, at, 0), ring.rows, rows
    )
    return Ring(written, ring.written + num)


def read(
    ring: Ring,
    place: Int32[Array, "*batch"],
    later: Any = 0,
    of: Callable[[Any], Any] = lambda row: row,
) -> Any:
    """What `of` picks of the rows `later` time steps after `place`, [*batch, ...]."""
    capacity, num_envs = ring.shape
    time, env = place // num_envs, place % num_envs
    index = ((time + later) % capacity) * num_envs + env

    def leaf(x):
        flat = x.reshape(capacity * num_envs, *x.shape[2:])
        return flat.at[index].get(mode="promise_in_bounds")

    return jax.tree.map(leaf, of(ring.rows))


def steps_after(ring: Ring, place: Int32[Array, "*batch"]) -> Int32[Array, "*batch"]:
    """How many later time steps of the same environment are held."""
    capacity, num_envs = ring.shape
    newest = (ring.written - 1) % capacity
    return (newest - place // num_envs) % capacity
