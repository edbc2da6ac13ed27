"""What a memory is: of all that was seen since the last reset, step by step or at once."""

import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import Key, Params, field
from jaxac.envs.resets import where
from jaxac.nets.initialise import orthogonal

WIDTH = field(64, "size of what the memory gives", within="[1, inf)", search=(32, 64, 128))


@runtime_checkable
class Core(Protocol):
    """A plan of a memory. `step` and `scan` agree, and zeros are the memory before an episode."""

    def init(self, key: Key, num_in: int) -> Params:
        """The parameters of a memory of features [..., num_in]."""
        ...

    def start(self, num_envs: int, num_in: int) -> Any:
        """The memory of features [..., num_in] before an episode: a pytree of zeros [N, ...]."""
        ...

    def step(
        self, params: Params, carry: Any, x: Float[Array, "... F"]
    ) -> tuple[Float[Array, "... H"], Any]:
        """What is made of the memory and a step's features, and the memory after it."""
        ...

    def scan(
        self,
        params: Params,
        carry: Any,
        xs: Float[Array, "T N F"],
        reset: Bool[Array, "T N"],
    ) -> tuple[Float[Array, "T N H"], Any]:
        """`step` over time, from zeros wherever `reset`; the memories [T, N, ...] after each."""
        ...


@runtime_checkable
class Convolutional(Protocol):
    """What a core may be beside that."""

    def convolve(self, params: Params, xs: Float[Array, "T N F"]) -> Float[Array, "T N H"]:
        """What `scan` makes of episodes from their first step, memories left out."""
        ...


def episodes(core: Core, params: Params, xs: Float[Array, "T N F"]) -> Float[Array, "T N H"]:
    """What a memory makes of whole episodes, each from its first step: by convolution if it can."""
    if isinstance(core, Convolutional):
        return core.convolve(params, xs)
    never = jnp.zeros(xs.shape[:2], bool)
    return core.scan(params, core.start(*xs.shape[1:]), xs, never)[0]


def in_sequence(
    recur: Callable[[Any, Any], tuple[Array, Any]], carry: Any, xs: Any, reset: Bool[Array, "T N"]
) -> tuple[Array, Any]:
    """`recur(carry, x) -> y, carry` step after step: outputs and memories [T, N, ...]."""

    def one(carry, row):
        x, reset = row
        y, carry = recur(where(reset, jax.tree.map(jnp.zeros_like, carry), carry), x)
        return carry, (y, carry)

    return jax.lax.scan(one, carry, (xs, reset))[1]


def gates(key: Key, num_in: int, width: int, num: int) -> Float[Array, "F numH"]:
    """Weights of `num` gates side by side, each orthogonal by itself."""
    keys = jax.random.split(key, num)
    return jnp.concatenate([orthogonal()(k, (num_in, width)) for k in keys], axis=-1)


def layer(key: Key, num_in: int, num_out: int, gain: float = 1.0) -> Params:
    """A dense layer with normal weights of variance gain^2 / num_in, and zero biases."""
    kernel = gain / math.sqrt(num_in) * jax.random.normal(key, (num_in, num_out))
    return {"kernel": kernel, "bias": jnp.zeros(num_out)}


def dense(params: Params, x: Float[Array, "... F"]) -> Float[Array, "... H"]:
    """A dense layer of `layer`."""
    return x @ params["kernel"] + params["bias"]


def standardised(x: Float[Array, "... F"]) -> Float[Array, "... F"]:
    """Layer normalisation without weights of its own: what follows is a dense layer, or has them.

    Source: Ba et al. 2016, arXiv:1607.06450.
    """
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + 1e-6)
