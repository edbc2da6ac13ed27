"""Drawing in proportion to priorities: trees of several widths beside a running sum of them all."""

from typing import Any

import jax
import jax.numpy as jnp

from benchmarks.off_policy.speed import interleaved, spread
from jaxac.data import sums

LEAVES, BATCH, REPEATS = 2**17, 256, 500
FANS = (2, 4, 8, 16, 32, 64)


def tree(fan: int) -> Any:
    """Rounds of a draw of a batch and the change of its priorities, in a tree."""

    def one(held, key):
        leaf, value = sums.find(held, jax.random.uniform(key, (BATCH,)))
        return sums.put(held, leaf, 0.5 + 0.9 * value), leaf[0]

    return rounds(one, filled(fan))


def running_sum() -> Any:
    """The same without a tree: all priorities are summed for each batch."""

    def one(held, key):
        upto = jnp.cumsum(held)
        leaf = jnp.searchsorted(upto, jax.random.uniform(key, (BATCH,)) * upto[-1])
        return held.at[leaf].set(0.5 + 0.9 * held[leaf]), leaf[0]

    return rounds(one, jax.random.uniform(jax.random.key(1), (LEAVES,)))


def filled(fan: int) -> sums.Tree:
    """A tree of random priorities."""
    priorities = jax.random.uniform(jax.random.key(1), (LEAVES,))
    return sums.put(sums.empty(LEAVES, fan), jnp.arange(LEAVES), priorities)


def rounds(one: Any, held: Any) -> Any:
    """A call that goes through `REPEATS` rounds from `held`."""

    @jax.jit
    def run(held):
        return jax.lax.scan(one, held, jax.random.split(jax.random.key(2), REPEATS))

    return lambda: jax.block_until_ready(run(held))


def measured() -> dict[str, Any]:
    """Microseconds of a draw and a change of a batch, for each way."""
    calls = {"running sum": running_sum(), **{f"fan {fan}": tree(fan) for fan in FANS}}
    seconds = interleaved(calls)
    return {
        "priorities": LEAVES,
        "batch": BATCH,
        "microseconds": {k: spread(1e6 * s / REPEATS) for k, s in seconds.items()},
    }
