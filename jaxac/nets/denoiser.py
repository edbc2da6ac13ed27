"""Networks of an observation, an action and a time, for policies that draw step by step."""

from typing import Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.core import Static, field, frozen
from jaxac.envs.contract import Box
from jaxac.nets.activation import Activation, Mish
from jaxac.nets.initialise import Glorot, Initialiser
from jaxac.nets.normed import Drop, Dropout, LayerNorm, Norm
from jaxac.nets.trunk import flat


@runtime_checkable
class ActionNet(Protocol):
    """A plan of such a network."""

    def drift(self, space: Box, action_size: int) -> nn.Module:
        """obs [B, *space.shape], action [B, A], time [B] in [0, 1] -> [B, A]. Raises `EnvError`."""
        ...


@frozen
class ResidualDenoiser:
    """Residual blocks with normalisation and dropout, which see learned waves of the time.

    Source: Hansen-Estruch et al. 2023, arXiv:2304.10573 (IDQL), section 5; the
    sizes of its code. A block is drop, normalise, widen by four, activate, narrow, add.
    """

    width: Static[int] = field(256, "of the features", within="[1, inf)")
    num_blocks: Static[int] = field(3, "residual blocks", within="[1, inf)")
    num_waves: Static[int] = field(32, "waves of the time", within="[1, inf)")
    norm: Norm = field(LayerNorm(), "normalisation in a block")
    drop: Drop = field(Dropout(0.1), "features lost in a block while training")
    activation: Activation = field(Mish(), "function in the blocks")
    init: Initialiser = field(Glorot(1.0), "initial weights of the first and last layer")

    def drift(self, space, action_size):
        return _Residual(len(space.shape), action_size, self)


class _Residual(nn.Module):
    ndim: int
    size: int
    plan: ResidualDenoiser

    @nn.compact
    def __call__(self, obs, action, time):
        plan = self.plan
        obs = flat(jnp.asarray(obs, jnp.float32), self.ndim)
        rate = self.param("waves", jax.random.normal, (plan.num_waves,))
        angle = 2.0 * jnp.pi * time[..., None] * rate
        when = jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)
        when = plan.activation(nn.Dense(2 * plan.num_waves)(when))
        when = nn.Dense(2 * plan.num_waves)(when)
        x = jnp.concatenate([action, obs, when], axis=-1)
        x = nn.Dense(plan.width, kernel_init=plan.init)(x)
        for _ in range(plan.num_blocks):
            y = plan.norm.normaliser()(plan.drop.dropper()(x))
            x = x + nn.Dense(plan.width)(plan.activation(nn.Dense(4 * plan.width)(y)))
        return nn.Dense(self.size, kernel_init=plan.init)(plan.activation(x))
