"""Distributional soft actor-critic with three refinements (DSAC-T, or DSAC-v2).

Source: Duan et al. 2023, arXiv:2310.05858, section IV and Algorithm 1.
Against `dsac_v1`: the mean goes to the target's mean in place of a drawn return; two critics, and
targets of that with the smaller mean; and each critic's loss is weighed, and its deviation's
target clipped, by running means of its own variance and deviation, so that steps do not depend on
the unit of reward (but for `eps` of the two denominators).
Departs from the authors' code, and follows the paper: squared errors, not Huber's; the weight is
one number for a critic, where the code divides a row's own variance out of it and clips the ratio.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.off_policy import dsac_v1
from jaxac.core import Int, Scalar, Static, field, frozen, replace
from jaxac.errors import ConfigError
from jaxac.ops.reduce import Min
from jaxac.runners.actor_critic import ActorCritic, Nets, OneStep

make = dsac_v1.make


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
    loss times the running mean variance + `eps`. The first batch begins the running means. Raises
    `ConfigError` if `num` is not that of the critics.
    """

    reach: Scalar = field(3.0, "clipping, in running mean deviations", within="[0, inf)")
    tau: Scalar = field(0.005, "share of a batch in the running means", within="[0, 1]")
    eps: Scalar = field(0.1, "added to the weight of the loss", within="[0, inf)")
    num: Static[int] = field(2, "critics in the ensemble", within="[1, inf)")

    def init(self, key, obs, action):
        return Spreads(jnp.ones(self.num), jnp.ones(self.num), jnp.int32(0))

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
        if std.shape[0] != self.num:
            raise ConfigError("backup.num", f"{self.num} is not critic.num, {std.shape[0]}")
        tau = jnp.where(memory.batches == 0, 1.0, self.tau)

        def mix(old, new):
            return old + tau * (new.mean(-1) - old)

        return Spreads(mix(memory.std, std), mix(memory.var, jnp.square(std)), memory.batches + 1)


def dsac_t(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = dsac_v1.dsac_v1()
    critic = replace(base.critic, num=2, reduce=Min())
    critic = replace(critic, returns=replace(critic.returns, substitute=1.0))
    base = replace(base, actor=replace(base.actor, reduce=Min()), critic=critic, backup=Adaptive())
    return replace(base, **changes)
