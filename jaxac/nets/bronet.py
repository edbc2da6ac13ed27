"""BroNet: residual blocks with layer normalisation after every dense layer."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.core import Static, field, frozen
from jaxac.nets.initialise import Initialiser, Orthogonal
from jaxac.nets.trunk import flat


@frozen
class BroNet:
    """relu(norm(W x)), then blocks x + norm(W2 relu(norm(W1 x))).

    Source: Nauman et al. 2024, arXiv:2405.16158, section 3, and the authors' code.
    """

    width: Static[int] = field(512, "of every layer", within="[1, inf)")
    num_blocks: Static[int] = field(2, "residual blocks", within="[0, inf)", search=(1, 2, 4))
    init: Initialiser = field(Orthogonal(), "initial weights")

    def module(self, space):
        return _BroNet(len(space.shape), self)


class _BroNet(nn.Module):
    ndim: int
    plan: BroNet

    @nn.compact
    def __call__(self, obs):
        def layer(x):
            return nn.LayerNorm()(nn.Dense(self.plan.width, kernel_init=self.plan.init)(x))

        x = jax.nn.relu(layer(flat(jnp.asarray(obs, jnp.float32), self.ndim)))
        for _ in range(self.plan.num_blocks):
            x = x + layer(jax.nn.relu(layer(x)))
        return x


class Shift(nn.Module):
    """What is added to a policy's mean: obs [..., *space.shape], mean [..., A] -> [..., A].

    Source: Nauman & Cygan 2025, arXiv:2310.19527; it begins near 0.
    """

    ndim: int
    trunk: nn.Module

    @nn.compact
    def __call__(self, obs, mean):
        obs = flat(jnp.asarray(obs, jnp.float32), self.ndim)
        x = self.trunk(jnp.concatenate([obs, mean], axis=-1))
        return nn.Dense(mean.shape[-1], use_bias=False, kernel_init=Orthogonal(0.01))(x)
