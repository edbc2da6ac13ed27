"""Memories that are computed anew as parameters change."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Static, field, frozen
from jaxac.envs.resets import where
from jaxac.nets.actor_critic import Architecture, Network
from jaxac.nets.memory.rolling import in_view, joined, windows
from jaxac.nets.recurrent import Recurrent


@frozen
class Kept:
    """A memory, and the observations that it is computed anew from."""

    memory: Any
    obs: Any  # [..., W, *obs_shape], the oldest first; zeros before the episode
    there: Float[Array, "... W"]  # 1 for a step of the episode


@frozen
class Recomputed:
    """A network whose memory is, after each update, what its new parameters make of the past.

    Source: Elawady et al. 2024, arXiv:2410.02751 (ReLIC): the key-value cache is recomputed after
    each partial update. Any memory is here, from the last `window` observations of the episode;
    what lies further back is forgotten at the update. Observations are kept as the network saw
    them, normalised by the statistics of then.
    """

    net: Architecture = field(Recurrent(), "a network with a memory")
    window: Static[int] = field(64, "observations that are kept", within="[1, inf)")

    def build(self, head, observation_space):
        inner = self.net.build(head, observation_space)
        blank = _blank(observation_space)

        def start(num_envs):
            def empty(x):
                return jnp.zeros((num_envs, self.window, *x.shape))

            there = jnp.zeros((num_envs, self.window))
            return Kept(inner.start(num_envs), jax.tree.map(empty, blank), there)

        def step(params, carry, obs):
            out, value, memory = inner.step(params, carry.memory, obs)

            def push(kept, new, like):
                axis = kept.ndim - like.ndim - 1
                new = jnp.expand_dims(new.astype(kept.dtype), axis)
                both = jnp.concatenate([kept, new], axis)
                return jax.lax.slice_in_dim(both, 1, None, axis=axis)

            there = push(carry.there, jnp.ones(carry.there.shape[:-1]), jnp.zeros(()))
            return out, value, Kept(memory, jax.tree.map(push, carry.obs, obs, blank), there)

        def scan(params, carry, obs, reset):
            out, value, memories = inner.scan(params, carry.memory, obs, reset)
            view, _ = in_view(carry.there, reset)

            def roll(kept, new):
                return windows(joined(kept, new.astype(kept.dtype)), view)

            there = roll(carry.there, jnp.ones(reset.shape))
            return out, value, Kept(memories, jax.tree.map(roll, carry.obs, obs), there)

        def refresh(params, carry):
            there = carry.there.T > 0  # [W, N]
            begins = there & ~jnp.concatenate([jnp.zeros_like(there[:1]), there[:-1]])

            def of_time(x, like):
                return jnp.moveaxis(x, 1, 0).astype(like.dtype)

            obs = jax.tree.map(of_time, carry.obs, blank)
            zero = inner.start(there.shape[1])
            _, _, memories = inner.scan(params, zero, obs, begins)
            last = jax.tree.map(lambda x: x[-1], memories)
            return Kept(where(there[-1], last, zero), carry.obs, carry.there)

        return Network(inner.init, start, step, scan, refresh)


def _blank(space: Any) -> Any:
    """Zeros of an observation: floating-point but for masks, which stay what they are."""
    if isinstance(space, dict):
        return {name: _blank(box) for name, box in space.items()}
    return jnp.zeros(space.shape, bool if space.dtype == "bool" else jnp.float32)
