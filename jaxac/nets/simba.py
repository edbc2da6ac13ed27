"""SimBa: residual feed-forward blocks with layer normalisation before them."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.core import Static, field, frozen
from jaxac.nets.initialise import Initialiser, Lecun, Orthogonal
from jaxac.nets.trunk import flat

EXPANSION = 4  # width within a block over that of the trunk


@frozen
class SimBa:
    """An affine map, blocks x + W2 relu(W1 norm(x)), and layer normalisation.

    Source: Lee et al. 2024, arXiv:2410.09754, eq. 4 to 7. There is a linear way from the input to
    the last normalisation. Observations are normalised by running statistics in `norm.obs`.
    """

    width: Static[int] = field(512, "of the features", within="[1, inf)")
    num_blocks: Static[int] = field(2, "residual blocks", within="[0, inf)", search=(1, 2, 4))
    embed: Initialiser = field(Orthogonal(1.0), "initial weights of the first layer")
    init: Initialiser = field(Lecun(), "initial weights within blocks")

    def module(self, space):
        return _SimBa(len(space.shape), self)


class _SimBa(nn.Module):
    ndim: int
    plan: SimBa

    @nn.compact
    def __call__(self, obs):
        plan, x = self.plan, flat(jnp.asarray(obs, jnp.float32), self.ndim)
        x = nn.Dense(plan.width, kernel_init=plan.embed)(x)
        for _ in range(plan.num_blocks):
            y = nn.Dense(EXPANSION * plan.width, kernel_init=plan.init)(nn.LayerNorm()(x))
            x = x + nn.Dense(plan.width, kernel_init=plan.init)(jax.nn.relu(y))
        return nn.LayerNorm()(x)
