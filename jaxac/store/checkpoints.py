"""Checkpoints: the whole state of a lane batch as flat arrays; no pickle, ever."""

import io
import json
import zipfile
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.errors import StoreError


def encode(state: Any) -> bytes:
    """The leaves of a pytree as an uncompressed `.npz`, random keys as their raw words."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    arrays: dict[str, Any] = {
        str(i): np.asarray(jax.device_get(_raw(x))) for i, (_, x) in enumerate(leaves)
    }
    header = json.dumps([jax.tree_util.keystr(path) for path, _ in leaves])
    buffer = io.BytesIO()
    arrays["header"] = np.frombuffer(header.encode(), np.uint8)
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def decode(data: bytes, like: Any, name: str) -> Any:
    """The pytree that `encode` wrote, with the structure and dtypes of `like` (shapes suffice).

    Raises `StoreError` naming `name` if the file is damaged or holds another structure.
    """
    leaves = jax.tree_util.tree_leaves_with_path(like)
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            header = json.loads(file["header"].tobytes())
            arrays = [file[str(i)] for i in range(len(header))]
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise StoreError(f"{name} is not a checkpoint: {error}") from error
    if header != [jax.tree_util.keystr(path) for path, _ in leaves]:
        raise StoreError(f"{name} holds a state of another structure; was jaxac changed since?")
    for array, (path, leaf) in zip(arrays, leaves, strict=True):
        want = jax.eval_shape(_raw, leaf)
        if (array.shape, array.dtype) != (want.shape, want.dtype):
            where = jax.tree_util.keystr(path)
            raise StoreError(
                f"{name}: {where} is {array.dtype}{array.shape}, not {want.dtype}{want.shape}"
            )
    restored = [_wrap(x, leaf) for x, (_, leaf) in zip(arrays, leaves, strict=True)]
    return jax.tree.unflatten(jax.tree.structure(like), restored)


def lane(state: Any, i: int) -> Any:
    """The state of one run out of a lane batch."""
    return jax.tree.map(lambda x: x[i], state)


def gather(states: list[Any], lanes: list[tuple[int, int]]) -> Any:
    """Lanes out of several batches of states: for each lane its batch, and its place there."""

    def rows(*leaves):
        raw = [np.asarray(_raw(x)) for x in leaves]
        return _wrap(np.stack([raw[batch][place] for batch, place in lanes]), leaves[0])

    return jax.tree.map(rows, *states)


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _raw(x: Any) -> Any:
    return jax.random.key_data(x) if _is_key(x) else x


def _wrap(x: np.ndarray, like: Any) -> Any:
    return jax.random.wrap_key_data(jnp.asarray(x)) if _is_key(like) else jnp.asarray(x)
