"""Naming and comparing the leaves of a pytree."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.envs.check.guard import Failure, attempt

NUMBERS = (bool, int, float, complex, np.generic, np.ndarray, jax.Array, jax.ShapeDtypeStruct)


def leaves(tree: Any, name: str) -> list[tuple[str, Any]]:
    """`(state.position, leaf)` for every leaf of a tree that is called `state`."""
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [(name + jax.tree_util.keystr(path), leaf) for path, leaf in flat]


def is_array(x: Any) -> bool:
    """Whether jit takes `x` for an array."""
    return isinstance(x, NUMBERS) and getattr(x, "dtype", np.dtype(bool)) not in ("O", "U", "S")


def abstract(x: Any) -> jax.ShapeDtypeStruct:
    """Shape, dtype and weakness of an array or number."""
    aval = jax.typeof(x)
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype, weak_type=aval.weak_type)


def as_strong(tree: Any) -> Any:
    """The same abstract leaves, none weak: what jaxac's loop passes on."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def is_key(x: Any) -> bool:
    """Whether a leaf is a typed PRNG key."""
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def numbers(x: Any) -> Any:
    """A leaf as numbers, the raw data if it is a key."""
    return jax.random.key_data(x) if is_key(x) else x


def shown(x: Any) -> str:
    """`float32 [3, 4]`, for messages."""
    return f"{x.dtype} {list(x.shape)}"


def brief(x: Any) -> str:
    """A value's type and how it begins: `a str, '4x4'`."""
    text = attempt(repr, x)
    shown = "" if isinstance(text, Failure) else f", {' '.join(text.split()):.60}"
    return kind_of(x) + shown


def kind_of(x: Any) -> str:
    """The name of a value's type, with its article."""
    name = type(x).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
