"""Targets clipped and weighed by what Gaussian critics say of their own spread."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Int, Scalar, field, frozen
from jaxac.ops.backup.contract import Nets, OneStep


@frozen
class Spreads:
    """Running means over batches, of each critic."""

    std: Float[Array, " E"]
    var: Float[Array, " E"]
    batches: Int


@frozen
class Adaptive:
    """One step ahead, clipped and weighed by what the critics say of their own spread.

    Source: arXiv:2310.05858, section IV: b = `reach` times the running mean deviation, and the
    loss times the running mean variance + `eps`. The first batch begins the running means.
    """

    reach: Scalar = field(3.0, "clipping, in running mean deviations", within="[0, inf)")
    tau: Scalar = field(0.005, "share of a batch in the running means", within="[0, 1]")
    eps: Scalar = field(0.1, "added to the weight of the loss", within="[0, inf)")

    def init(self, key, obs, action, num):
        return Spreads(jnp.ones(num), jnp.ones(num), jnp.int32(0))

    def __call__(self, key, memory, nets, batch):
        spreads = self.measure(key, memory, nets, batch)
        goal = OneStep()(key, (), nets, batch)
        clip, scale = self.reach * spreads.std, spreads.var + self.eps
        return goal._replace(clip=clip[:, None], scale=scale[:, None])

    def learn(self, key, memory, nets, batch):
        memory = self.measure(key, memory, nets, batch)
        return memory, {"return_std": memory.std.mean()}

    def measure(self, key: Any, memory: Spreads, nets: Nets, batch: Any) -> Spreads:
        """The running means with a batch added."""
        std = nets.returns.std(nets.out(key, batch.obs, batch.action))  # [E, B]
        tau = jnp.where(memory.batches == 0, 1.0, self.tau)

        def mix(old, new):
            return old + tau * (new.mean(-1) - old)

        return Spreads(mix(memory.std, std), mix(memory.var, jnp.square(std)), memory.batches + 1)
