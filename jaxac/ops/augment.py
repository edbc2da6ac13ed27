"""Augmentations: changes of an observation that should leave its value as it is."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Static, field, frozen


@runtime_checkable
class Augment(Protocol):
    """Observations to observations."""

    def __call__(self, key: Key, obs: Float[Array, "B *shape"]) -> Float[Array, "B *shape"]:
        """Each of a batch [B, ...] changed by a draw of its own."""
        ...


@frozen
class Unchanged:
    """Observations as they are."""

    def __call__(self, key, obs):
        return obs


@frozen
class Shift:
    """Images moved by up to `pad` pixels each way, their edges repeated; vectors as they are.

    Source: Yarats et al. 2021, arXiv:2004.13649 (DrQ), section 3.1. All channels of an image move
    together, so a stack of frames stays one. Each of the (2 pad + 1)^2 shifts is equally likely.
    """

    pad: Static[int] = field(4, "largest shift, pixels; 4 for images of 84 x 84", within="[0, inf)")

    def __call__(self, key, obs):
        if obs.ndim != 4:
            return obs
        num, *size = obs.shape
        wide = jnp.pad(obs, ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0)), "edge")
        corner = jax.random.randint(key, (num, 2), 0, 2 * self.pad + 1)

        def crop(image, at):
            return jax.lax.dynamic_slice(image, (at[0], at[1], 0), size)

        return jax.vmap(crop)(wide, corner)


def copies(key: Key, augment: Augment, obs: Any, num: int) -> Any:
    """`num` augmented copies of observations [B, ...], copy by copy: [num B, ...].

    Of several observations by name each is changed by draws of its own.
    """
    leaves, tree = jax.tree.flatten(repeated(obs, num))
    keys = jax.random.split(key, len(leaves))
    return jax.tree.unflatten(tree, [augment(k, x) for k, x in zip(keys, leaves, strict=True)])


def repeated(tree: Any, num: int) -> Any:
    """Arrays [B, ...] as [num B, ...], all rows again and again."""
    return jax.tree.map(lambda x: jnp.tile(x, (num, *[1] * (x.ndim - 1))), tree)
