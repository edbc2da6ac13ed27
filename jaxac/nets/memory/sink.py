"""What attention may turn to beside what was seen."""

import math
from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Params, Static, field, frozen


@runtime_checkable
class Sink(Protocol):
    """Keys and values that are always there."""

    def init(self, key: Key, num_heads: int, size: int) -> Params:
        """Parameters of heads of `size` numbers."""
        ...

    def __call__(
        self, params: Params, query: Float[Array, "... heads D"]
    ) -> tuple[Float[Array, "... heads S"], Float[Array, "S heads D"]]:
        """Scores and values of S sinks."""
        ...


@frozen
class NoSink:
    """None: the weights of what was seen sum to 1."""

    def init(self, key, num_heads, size):
        del key, num_heads, size
        return {}

    def __call__(self, params, query):
        del params
        return jnp.zeros((*query.shape[:-1], 0)), jnp.zeros((0, *query.shape[-2:]))


@frozen
class SinkKV:
    """Learned keys and values, so that a head may attend to nothing that was seen.

    Source: Elawady et al. 2024, arXiv:2410.02751 (ReLIC), and the code its authors published: both
    are zero at first, so that each sink adds 1 to what weights are divided by. With scores of minus
    infinity it is `NoSink`.
    """

    num: Static[int] = field(1, "keys and values", within="[1, inf)")

    def init(self, key, num_heads, size):
        del key
        shape = self.num, num_heads, size
        return {"key": jnp.zeros(shape), "value": jnp.zeros(shape)}

    def __call__(self, params, query):
        score = jnp.einsum("...hd,shd->...hs", query, params["key"])
        return score / math.sqrt(query.shape[-1]), params["value"]
