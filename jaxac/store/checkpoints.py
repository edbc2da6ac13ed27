"""Checkpoints: the whole state of a lane batch as flat arrays; no pickle, ever.

A file is in the safetensors format: a JSON header and raw bytes, nothing that could be executed.
Each leaf of the state is stored as unsigned integers as wide as its numbers, so that every dtype
comes back bit for bit; the header's metadata names the leaves and their dtypes.
"""

import contextlib
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from safetensors import numpy as tensors

from jaxac.errors import StoreError
from jaxac.store import files

VERSION = 2  # of this format; 1 was a .npz
SUFFIX = ".safetensors"
_HEADER = "jaxac"


def encode(state: Any) -> bytes:
    """The leaves of a pytree, random keys as their raw words."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    arrays = [np.asarray(jax.device_get(_raw(x))) for _, x in leaves]
    header = {
        "version": VERSION,
        "leaves": [jax.tree_util.keystr(path) for path, _ in leaves],
        "dtypes": [str(x.dtype) for x in arrays],
    }
    # one key alone: with several the library writes them in any order
    return tensors.save(
        {str(i): _bits(x) for i, x in enumerate(arrays)}, {_HEADER: json.dumps(header)}
    )


def decode(data: bytes, like: Any, name: str) -> Any:
    """The pytree that `encode` wrote, with the structure and dtypes of `like` (shapes suffice).

    Raises `StoreError` naming `name` if the file is damaged or holds another structure.
    """
    with _explained(name):
        stored = tensors.load(data)
        size = int.from_bytes(data[:8], "little")
        header = files.from_json(data[8 : 8 + size], name)
        return _rebuilt(header["__metadata__"], stored.__getitem__, like, name)


def decode_lane(path: Path, place: int, like: Any) -> Any:
    """The state of one run out of a lane batch's file, of which no more comes into memory.

    `like` is the state of one run. Raises `StoreError` as `decode`.
    """
    with _explained(str(path)), safetensors.safe_open(path, "numpy") as file:

        def row(name):
            return np.asarray(file.get_slice(name)[place : place + 1])[0, ...]

        return _rebuilt(file.metadata(), row, like, str(path))


def most_bytes(like: Any) -> int:
    """More than the file of such a state can have: its numbers, and a header."""
    return num_bytes(like) + 2**24


def num_bytes(like: Any) -> int:
    """Bytes of a state's numbers; shapes suffice."""
    leaves = (jax.eval_shape(_raw, x) for x in jax.tree.leaves(like))
    return sum(math.prod(x.shape) * x.dtype.itemsize for x in leaves)


def lane(state: Any, i: int) -> Any:
    """The state of one run out of a lane batch."""
    return jax.tree.map(lambda x: x[i], state)


def gather(states: list[Any], lanes: list[tuple[int, int]]) -> Any:
    """Lanes out of several batches of states: for each lane its batch, and its place there."""

    def rows(*leaves):
        raw = [np.asarray(_raw(x)) for x in leaves]
        return _wrap(np.stack([raw[batch][place] for batch, place in lanes]), leaves[0])

    return jax.tree.map(rows, *states)


def _rebuilt(
    header: dict[str, str], stored: Callable[[str], np.ndarray], like: Any, name: str
) -> Any:
    """The leaves that the header names, as a pytree like `like`."""
    leaves = jax.tree_util.tree_leaves_with_path(like)
    words = files.from_json(header[_HEADER], name)
    version, names, dtypes = (words[x] for x in ("version", "leaves", "dtypes"))
    if version != VERSION:
        raise StoreError(f"{name} has format {version}, this jaxac reads {VERSION}")
    if names != [jax.tree_util.keystr(path) for path, _ in leaves]:
        raise StoreError(f"{name} holds a state of another structure; was jaxac changed since?")
    restored = []
    for i, (dtype, (path, leaf)) in enumerate(zip(dtypes, leaves, strict=True)):
        want, found = jax.eval_shape(_raw, leaf), stored(str(i))
        if (found.shape, dtype) != (want.shape, str(want.dtype)):
            where = jax.tree_util.keystr(path)
            raise StoreError(
                f"{name}: {where} is {dtype}{found.shape}, not {want.dtype}{want.shape}"
            )
        restored.append(_wrap(found.view(want.dtype), leaf))
    return jax.tree.unflatten(jax.tree.structure(like), restored)


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        yield
    except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{name} is not a checkpoint: {error}") from error


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _raw(x: Any) -> Any:
    return jax.random.key_data(x) if _is_key(x) else x


def _bits(x: np.ndarray) -> np.ndarray:
    """The same bytes as unsigned integers."""
    return np.ascontiguousarray(x).reshape(x.shape).view(f"u{x.dtype.itemsize}")


def _wrap(x: np.ndarray, like: Any) -> Any:
    return jax.random.wrap_key_data(jnp.asarray(x)) if _is_key(like) else jnp.asarray(x)
