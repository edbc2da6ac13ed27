"""The file of an exported policy: the numbers that acting reads, and where they come from.

It is in the safetensors format: a JSON header and raw bytes, nothing that could be executed. Each
array has the name of its leaf in the run's state. The header's metadata holds, as JSON under
`jaxac.policy`, `About`, the format's version and `sha256`: the checksum of the whole file with that
checksum's own digits as zeros, so that a single flipped bit is found wherever it is.
"""

import dataclasses
import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from safetensors import numpy as tensors

from jaxac import config
from jaxac.errors import StoreError
from jaxac.store import files

FORMAT = 1
SUFFIX = ".safetensors"
MOST_HEADER = 2**20  # bytes
_KEY = "jaxac.policy"  # one alone: with several the library writes them in any order
_BLANK = "0" * 64
_NO_POLICY = "is no policy that `jaxac policy` exported"


@dataclasses.dataclass(frozen=True)
class About:
    """What a policy is and where it comes from: all that its file says besides the arrays."""

    algorithm: str
    env: str
    wrappers: list  # tables, as a sweep holds them
    env_params: dict  # by name, as the run has them
    hp: dict  # as `jaxac.config.to_json` writes them
    run: int
    config: int
    seed: int
    env_steps: int  # trained
    total_steps: int  # that the run trains in all
    eval_return: float | None  # of the evaluation after `env_steps`; NaN if that failed
    diverged_step: int | None
    diverged_metric: str | None
    sweep: str  # hash of the sweep, as in its manifest
    jaxac: str
    jax: str


def write(path: Path, about: About, state: Any) -> int:
    """Write the leaves of `state` and what is known about them; returns the bytes written.

    Raises `StoreError` for a path that cannot be written, leaving nothing half-written.
    """
    arrays = {name: _plain(x) for name, x in named(state).items()}
    words = {"sha256": _BLANK, "format": FORMAT, **dataclasses.asdict(about)}
    text = json.dumps(config.to_json(words), separators=(",", ":"), allow_nan=False)
    data = tensors.save(arrays, {_KEY: text})
    data = data.replace(_stamp(_BLANK), _stamp(files.digest(data)), 1)
    files.write(path, data)
    return len(data)


def read(path: Path) -> tuple[About, dict[str, np.ndarray]]:
    """What `write` wrote, the arrays by name.

    Raises `StoreError` naming the file if it cannot be read, is damaged, or is something else.
    """
    name, data = str(path), _bytes(path)
    size = int.from_bytes(data[:8], "little")
    if not 0 < size <= min(MOST_HEADER, len(data) - 8):
        raise StoreError(f"{name} {_NO_POLICY}, or is damaged: its header would be {size} bytes")
    header = files.from_json(data[8 : 8 + size], name)
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    text = metadata.get(_KEY) if isinstance(metadata, dict) else None
    words = files.from_json(text, name) if isinstance(text, str) else None
    if not isinstance(words, dict) or "format" not in words:
        raise StoreError(f"{name} {_NO_POLICY}, or is damaged")
    sha256 = str(words.get("sha256"))
    blank = data[: 8 + size].replace(_stamp(sha256), _stamp(_BLANK), 1)
    if files.digest(blank + data[8 + size :]) != sha256:
        raise StoreError(f"{name} is damaged: its checksum differs; export the policy again")
    about = _about(words, name)
    try:
        return about, tensors.load(data)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{name} holds arrays that cannot be read: {error}") from error


def named(tree: Any) -> dict[str, Any]:
    """The leaves of a pytree by their paths, such as `params.actor.kernel`.

    Raises `StoreError` if two have one name, as keys with dots in them could.
    """
    found: dict[str, Any] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name = jax.tree_util.keystr(path, simple=True, separator=".")
        if name in found:
            raise StoreError(f"two leaves of this pytree are called {name}")
        found[name] = leaf
    return found


def restored(arrays: Mapping[str, np.ndarray], like: Any) -> Any:
    """A pytree like `like` (shapes and dtypes) of arrays that `write` wrote, by name.

    Raises `StoreError` naming one that is missing, or of another shape or dtype.
    """
    found = []
    for name, leaf in named(like).items():
        want = jax.eval_shape(_raw, leaf)
        kept = _stored_dtype(want.dtype)
        if name not in arrays:
            raise StoreError(f"{name} is missing")
        array = arrays[name]
        if (array.shape, array.dtype) != (want.shape, kept):
            is_now = f"{array.dtype}{list(array.shape)}"
            raise StoreError(f"{name} is {is_now}, not {kept}{list(want.shape)}")
        raw = jnp.asarray(array.view(want.dtype))
        found.append(jax.random.wrap_key_data(raw) if _is_key(leaf) else raw)
    return jax.tree.unflatten(jax.tree.structure(like), found)


def values(tree: Any) -> dict[str, Any]:
    """Numbers of a pytree by name, as plain JSON that gives them back exactly."""
    leaves = named(jax.device_get(tree))
    return {name: config.to_json(np.asarray(x).tolist()) for name, x in leaves.items()}


def with_values(like: Any, held: Mapping[str, Any]) -> Any:
    """A pytree like `like` (shapes and dtypes) from what `values` gave.

    Raises `StoreError` naming a value that is missing, unknown or of another shape.
    """
    leaves = named(like)
    if odd := sorted(leaves.keys() ^ held.keys()):
        where = "is missing" if odd[0] in leaves else "is unknown"
        raise StoreError(f"env_params: {odd[0]} {where}")
    found = {k: np.asarray(config.numbers(v)) for k, v in held.items()}
    for name, x in found.items():
        if x.shape != leaves[name].shape or x.dtype.kind not in "biuf":
            raise StoreError(f"env_params: {name} is {str(held[name])[:100]}")
    arrays = [jnp.asarray(found[name], x.dtype) for name, x in leaves.items()]
    return jax.tree.unflatten(jax.tree.structure(like), arrays)


def foreign(*data: Any) -> Iterator[str]:
    """The modules outside jaxac that `module:Name`s anywhere in plain data would load."""
    for x in data:
        if isinstance(x, Mapping):
            yield from foreign(*x.values())
        elif isinstance(x, list | tuple):
            yield from foreign(*x)
        elif isinstance(x, str) and ":" in x and not x.startswith("jaxac."):
            yield x.partition(":")[0]


def _bytes(path: Path) -> bytes:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"{path} is no plain file")
        if found.st_size > files.MOST:
            raise StoreError(f"{path} {_NO_POLICY}: it has more than {files.MOST:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error


def _about(data: dict[str, Any], name: str) -> About:
    if data["format"] != FORMAT:
        raise StoreError(
            f"{name} has format {str(data['format'])[:20]}, this jaxac reads {FORMAT}; export the "
            "policy again"
        )
    found = {}
    for f in dataclasses.fields(About):
        value = data.get(f.name)
        value = float(value) if value in ("nan", "inf", "-inf") else value
        if not isinstance(value, f.type):  # pyright: ignore[reportArgumentType]
            raise StoreError(f"{name} {_NO_POLICY}: its {f.name} is {str(value)[:100]!r}")
        found[f.name] = value
    return About(**found)


def _stamp(sha256: str) -> bytes:
    """The checksum as it stands in JSON within JSON."""
    return rf"\"sha256\":\"{sha256}\"".encode(errors="replace")


def _is_key(x: Any) -> bool:
    return jnp.issubdtype(x.dtype, jax.dtypes.prng_key)


def _raw(x: Any) -> Any:
    return jax.random.key_data(x) if _is_key(x) else x


def _plain(x: Any) -> np.ndarray:
    """A leaf as an array that every reader of safetensors knows."""
    array = np.asarray(jax.device_get(_raw(x)))
    return np.ascontiguousarray(array).reshape(array.shape).view(_stored_dtype(array.dtype))


def _stored_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype itself, or, where NumPy alone does not know it (bfloat16), that of its bits."""
    return np.dtype(f"u{dtype.itemsize}") if dtype.kind == "V" else dtype
