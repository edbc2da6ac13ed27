"""A causal transformer block with a rolling cache of keys and values."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Static, field, frozen
from jaxac.errors import ConfigError
from jaxac.nets.memory.contract import WIDTH, dense, layer, standardised
from jaxac.nets.memory.rolling import in_view, joined, windows
from jaxac.nets.memory.sink import NoSink, Sink


@frozen
class Cache:
    """Keys and values of the last W steps, the oldest first, and which there have been."""

    key: Float[Array, "... W heads D"]
    value: Float[Array, "... W heads D"]
    seen: Float[Array, "... W"]  # 1, or 0 before the episode


@frozen
class Transformer:
    """One causal block: attention to this step and the last `window` ones, then a dense network.

    Vaswani et al. 2017, arXiv:1706.03762, with normalisation before each part (Parisotto et al.
    2020, arXiv:1910.06764, whose gates are left out) and a learned bias for each head and distance
    in place of positions (Raffel et al. 2020, arXiv:1910.10683, without their buckets), so that
    keys stay as they are while they roll. Normalisation has no weights. `init` raises `ConfigError`
    for a width that heads do not divide.
    """

    width: Static[int] = WIDTH
    num_heads: Static[int] = field(4, "heads of attention", within="[1, inf)")
    window: Static[int] = field(64, "earlier steps that are attended to", within="[1, inf)")
    expansion: Static[int] = field(2, "hidden units for each of the width", within="[1, inf)")
    sink: Sink = field(NoSink(), "keys and values that are always there")

    def init(self, key, num_in):
        if self.width % self.num_heads:
            raise ConfigError(
                "num_heads", f"{self.num_heads} heads do not divide the width, {self.width}"
            )
        keys = jax.random.split(key, 6)
        width, size = self.width, self.width // self.num_heads
        return {
            "in": layer(keys[0], num_in, width),
            "attend": layer(keys[1], width, 3 * width),
            "out": layer(keys[2], width, width),
            "hidden": layer(keys[3], width, self.expansion * width, math.sqrt(2.0)),
            "last": layer(keys[4], self.expansion * width, width),
            "distance": jnp.zeros((self.num_heads, self.window + 1)),
            "sink": self.sink.init(keys[5], self.num_heads, size),
        }

    def start(self, num_envs, num_in):
        del num_in
        shape = num_envs, self.window, self.num_heads, self.width // self.num_heads
        return Cache(jnp.zeros(shape), jnp.zeros(shape), jnp.zeros(shape[:2]))

    def step(self, params, carry, x):
        skip, query, key, value = self._attending(params, x)
        keys = jnp.concatenate([carry.key, key[..., None, :, :]], axis=-3)
        values = jnp.concatenate([carry.value, value[..., None, :, :]], axis=-3)
        seen = jnp.concatenate([carry.seen, jnp.ones_like(carry.seen[..., :1])], axis=-1)
        score = jnp.einsum("...hd,...whd->...hw", query, keys) / math.sqrt(query.shape[-1])
        score = jnp.where(seen[..., None, :] > 0, score + params["distance"][:, ::-1], -jnp.inf)
        weight, sunk = self._weights(params, query, score)
        found = jnp.einsum("...hw,...whd->...hd", weight, values) + sunk
        after = Cache(keys[..., 1:, :, :], values[..., 1:, :, :], seen[..., 1:])
        return _above(params, skip, found), after

    def scan(self, params, carry, xs, reset):
        skip, query, key, value = self._attending(params, xs)
        keys, values = joined(carry.key, key), joined(carry.value, value)
        view, distance = in_view(carry.seen, reset)
        score = jnp.einsum("tnhd,snhd->tnhs", query, keys) / math.sqrt(query.shape[-1])
        bias = params["distance"][:, jnp.clip(distance, 0, self.window)]  # [heads, T, W + T]
        score = score + jnp.moveaxis(bias, 0, 1)[:, None]
        score = jnp.where(view[:, :, None], score, -jnp.inf)
        weight, sunk = self._weights(params, query, score)
        found = jnp.einsum("tnhs,snhd->tnhd", weight, values) + sunk
        seen = joined(carry.seen, jnp.ones_like(carry.seen, shape=reset.shape))
        after = Cache(*(windows(x, view) for x in (keys, values, seen)))
        return _above(params, skip, found), after

    def _attending(self, params, x):
        """What goes on, and queries, keys and values [..., heads, D]."""
        skip = dense(params["in"], x)
        parts = jnp.split(dense(params["attend"], standardised(skip)), 3, axis=-1)
        shape = *skip.shape[:-1], self.num_heads, -1
        return skip, *(part.reshape(shape) for part in parts)

    def _weights(self, params, query, score):
        """Weights [..., heads, S] of what was seen, and what sinks give [..., heads, D]."""
        own, values = self.sink(params["sink"], query)
        weight = jax.nn.softmax(jnp.concatenate([score, own], axis=-1))
        seen, sunk = jnp.split(weight, [score.shape[-1]], axis=-1)
        return seen, jnp.einsum("...hs,shd->...hd", sunk, values)


def _above(params, skip, found):
    """The rest of the block, above what attention found [..., heads, D]."""
    x = skip + dense(params["out"], found.reshape(*found.shape[:-2], -1))
    return x + dense(params["last"], jax.nn.relu(dense(params["hidden"], standardised(x))))
