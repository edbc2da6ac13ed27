"""A vector-quantised autoencoder of actions, given the observation.

Source: van den Oord et al. 2017, arXiv:1711.00937; with the observation in encoder and decoder Luo
et al. 2023, arXiv:2310.11731 (SAQ), section 4.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Static, field, frozen
from jaxac.envs.contract import Box
from jaxac.nets.activation import ReLU
from jaxac.nets.initialise import Lecun
from jaxac.nets.mlp import MLP
from jaxac.nets.trunk import Trunk, flat


@frozen
class VQ:
    """Networks of encoder and decoder, and the codebook between them."""

    trunk: Trunk = field(MLP((512, 512), ReLU(), Lecun()), "all layers but each network's last")
    width: Static[int] = field(128, "numbers in a code's vector", within="[1, inf)")
    num_codes: Static[int] = field(64, "vectors in the codebook", within="[2, inf)")

    def module(self, space: Box, action_size: int) -> "_VQ":
        """obs [B, *space.shape], action [B, A] -> vectors, nearest code's vectors, actions."""
        return _VQ(len(space.shape), space.size, action_size, self)


class _VQ(nn.Module):
    ndim: int
    obs_size: int
    action_size: int
    plan: VQ

    def setup(self):
        plan, seen = self.plan, self.obs_size
        self.into = nn.Sequential(
            [plan.trunk.module(Box((seen + self.action_size,))), nn.Dense(plan.width)]
        )
        self.back = nn.Sequential(
            [plan.trunk.module(Box((seen + plan.width,))), nn.Dense(self.action_size)]
        )
        shape = plan.num_codes, plan.width
        self.codebook = self.param("codebook", nn.initializers.normal(plan.width**-0.5), shape)

    def __call__(self, obs, action):
        vector = self.into(self._beside(obs, action))
        code = jnp.take(self.codebook, nearest(self.codebook, vector), axis=0)
        straight = vector + jax.lax.stop_gradient(code - vector)
        return vector, code, self.back(self._beside(obs, straight))

    def encode(self, obs, action):
        """The code of each action, [B]."""
        return nearest(self.codebook, self.into(self._beside(obs, action)))

    def decode(self, obs, code):
        """What each code stands for, [B, A]."""
        return self.back(self._beside(obs, jnp.take(self.codebook, code, axis=0)))

    def _beside(self, obs, other):
        return jnp.concatenate([flat(jnp.asarray(obs, jnp.float32), self.ndim), other], axis=-1)


def nearest(codebook: Float[Array, "K D"], vector: Float[Array, "B D"]) -> Array:
    """The row of the codebook next to each vector, [B]."""
    scores = vector @ codebook.T - 0.5 * jnp.square(codebook).sum(-1)
    return scores.argmax(-1)
