"""A tree of sums over numbers >= 0: draw one in proportion to its size, change some, in parallel.

A node has `fan` children, not two: an array holds each level, and a draw reads `fan` neighbours a
level, so there are few dependent steps (`python -m benchmarks.off_policy laws` measures it). A
parent is always summed anew from its children, so that rounding never adds up.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int32

Tree = tuple[Float[Array, "nodes fan"], ...]
"""Levels [nodes, fan], the leaves first and a single node last."""


def empty(num_leaves: int, fan: int) -> Tree:
    """A tree of `num_leaves` zeros."""
    levels, size = [], num_leaves
    while True:
        size = -(-size // fan)
        levels.append(jnp.zeros((size, fan)))
        if size == 1:
            return tuple(levels)


def total(tree: Tree) -> Float[Array, ""]:
    """The sum of all leaves."""
    return tree[-1].sum()


def put(tree: Tree, leaf: Int32[Array, " n"], value: Float[Array, " n"]) -> Tree:
    """The tree with leaves set; of a leaf that is set twice one value stays."""
    fan, levels = tree[0].shape[1], []
    for level in tree:
        node, child = leaf // fan, leaf % fan
        changed = level.at[node, child].set(value, mode="promise_in_bounds")
        levels.append(changed)
        leaf, value = node, changed[node].sum(-1)
    return tuple(levels)


def find(tree: Tree, share: Float[Array, " n"]) -> tuple[Int32[Array, " n"], Float[Array, " n"]]:
    """The leaves at which the running sum passes `share` in [0, 1) of the total, and their values.

    A leaf of 0 is never found while any is more.
    """
    fan = tree[0].shape[1]
    node, left = jnp.zeros(share.shape, jnp.int32), share * total(tree)
    value = left
    for level in tree[::-1]:
        children = level[node]
        upto = jnp.cumsum(children, -1)
        positive = jnp.where(children > 0, jnp.arange(fan), 0).max(-1)
        child = jnp.minimum((upto <= left[:, None]).sum(-1), positive)
        value = jnp.take_along_axis(children, child[:, None], -1)[:, 0]
        before = jnp.take_along_axis(upto, child[:, None], -1)[:, 0] - value
        left = jnp.clip(left - before, 0.0, value)
        node = node * fan + child
    return node, value
