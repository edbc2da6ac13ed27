"""Tiles: how many of a batch's lanes a program advances at a time.

An accelerator is filled by all at once. On a processor lanes take turns, each going through the
whole chunk: what is worked on stays in the cache, so it is about as fast, takes a fraction of the
memory, and gives the very numbers of a run alone. Only lanes whose arrays are so small that the
calls would cost more than the work go together (`python -m benchmarks.sweep ways` measures it).
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from jaxac.sweep import device

CACHED = 128 * 2**10  # bytes of the largest array of a tile: several of them fit a level-2 cache
MOST = 8  # lanes; more gain nothing, however small they are
IN_PLACE = ("dynamic_update_slice", "scatter", "scatter-add", "scatter_add")


def over_lanes(function: Callable[..., Any], tile: int, width: int) -> Callable[..., Any]:
    """`function` of one lane, of stacked lanes [width, ...]; `tile` divides `width`."""
    if tile == width > 1:
        return jax.vmap(function)

    def all_lanes(*rows):
        size = None if tile == 1 else tile
        return jax.lax.map(lambda row: function(*row), rows, batch_size=size)

    return all_lanes


def traced(function: Callable[..., Any], *like: Any) -> tuple[Callable[..., Any], int]:
    """`function` traced once for arguments `like` these, and the largest array it makes in bytes.

    What is returned is not traced again as Python.
    """
    jaxpr, shapes = jax.make_jaxpr(function, return_shape=True)(*like)
    flat, structure = core.jaxpr_as_fun(jaxpr), jax.tree.structure(shapes)

    def again(*arguments):
        return jax.tree.unflatten(structure, flat(*jax.tree.leaves(arguments)))

    return again, max(made(jaxpr.jaxpr), default=0)


def tile_of(largest: int, width: int) -> int:
    """The lanes that advance together where each makes an array of `largest` bytes."""
    if not device.is_cpu():
        return width
    most = min(MOST, max(1, CACHED // max(largest, 1)))
    return max(k for k in range(1, min(most, width) + 1) if width % k == 0)


def made(jaxpr: core.Jaxpr) -> Iterator[int]:
    """Bytes of every array that is worked out anew; updates in place make none."""
    for equation in jaxpr.eqns:
        inner = [*core.jaxprs_in_params(equation.params)]
        for one in inner:
            yield from made(one)
        if not inner and equation.primitive.name not in IN_PLACE:
            yield from (_bytes(x.aval) for x in equation.outvars)


def _bytes(aval: Any) -> int:
    if jnp.issubdtype(aval.dtype, jax.dtypes.prng_key):
        return 8 * aval.size
    return np.dtype(aval.dtype).itemsize * aval.size
