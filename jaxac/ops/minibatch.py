"""Minibatches: how the [T, N, ...] data of an update are cut up for the epochs.

Every minibatch is [t, B, ...], time first, so that one loss serves networks with and without
memory: transitions are sequences of length t = 1.
"""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, UInt32

from jaxac.core import Key, frozen


@runtime_checkable
class Minibatches(Protocol):
    """One epoch's data, cut into minibatches."""

    @property
    def keeps_time(self) -> bool:
        """Whether a minibatch holds whole stretches of time, as a network with memory needs."""
        ...

    def num_parts(self, num_steps: int, num_envs: int) -> int:
        """The number of pieces that may be divided among minibatches."""
        ...

    def __call__(self, key: Key, carry: Any, data: Any, num_minibatches: int) -> tuple[Any, Any]:
        """Carries [M, B, ...] at the first step and data [M, t, B, ...] of M minibatches."""
        ...


@frozen
class ShuffleTransitions:
    """Single transitions in random order; for networks without memory."""

    @property
    def keeps_time(self):
        return False

    def num_parts(self, num_steps, num_envs):
        return num_steps * num_envs

    def __call__(self, key, carry, data, num_minibatches):
        size = jax.tree.leaves(data)[0].shape[:2]
        order = permutation(key, size[0] * size[1])

        def cut(x):
            flat = x.reshape((-1, *x.shape[2:]))[order]
            return flat.reshape((num_minibatches, 1, -1, *x.shape[2:]))

        return carry, jax.tree.map(cut, data)


@frozen
class ShuffleEnvironments:
    """Whole rollouts of randomly chosen environments, in time order; for networks with memory."""

    @property
    def keeps_time(self):
        return True

    def num_parts(self, num_steps, num_envs):
        return num_envs

    def __call__(self, key, carry, data, num_minibatches):
        order = permutation(key, jax.tree.leaves(data)[0].shape[1])

        def cut(x):
            split = x[:, order].reshape((x.shape[0], num_minibatches, -1, *x.shape[2:]))
            return jnp.moveaxis(split, 1, 0)

        def cut_carry(x):
            return x[order].reshape((num_minibatches, -1, *x.shape[1:]))

        return jax.tree.map(cut_carry, carry), jax.tree.map(cut, data)


@frozen
class InOrder:
    """Consecutive stretches of time of all environments, never shuffled; without memory only."""

    @property
    def keeps_time(self):
        return False

    def num_parts(self, num_steps, num_envs):
        return num_steps

    def __call__(self, key, carry, data, num_minibatches):

        def cut(x):
            return x.reshape((num_minibatches, 1, -1, *x.shape[2:]))

        return carry, jax.tree.map(cut, data)


def permutation(key: Key, size: int) -> UInt32[Array, " size"]:
    """A random order of 0 .. size - 1 from one sort of 32-bit words.

    Each word holds random high bits and an index in its low bits, so nothing but the words is
    moved; `jax.random.permutation` sorts keys and values, several times. Words whose random bits
    tie keep the order of their indices: with 8,192 items 19 random bits are left, which leaves the
    order uniform but for about one pair in 2^19.
    """
    low = max(size - 1, 1).bit_length()
    mask = jnp.uint32((1 << low) - 1)
    words = jax.random.bits(key, (size,), jnp.uint32) & ~mask
    return jnp.sort(words | jnp.arange(size, dtype=jnp.uint32)) & mask
