"""Critics whose weights on the action are made from the observation by another network."""

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.core import Static, field, frozen
from jaxac.nets.initialise import Lecun
from jaxac.nets.trunk import flat


@frozen
class HyperCritic:
    """A small network of the action; another, of the observation, gives its weights.

    Source: Sarafian et al. 2021, arXiv:2106.06842 (Recomposing the Reinforcement Learning Building
    Blocks with Hypernetworks), section 4 and figure 2c: of features z a linear map gives weights W,
    shifts b and scales s of each layer s W x + b. At first s is 1, b is 0, and for observations of
    variance 1 a weight has variance 2 / inputs, of the last layer 1 / inputs.
    """

    primary_hidden: Static[tuple[int, ...]] = field(
        (256, 512, 1024), "widths of the network of the observation", within="[1, inf)"
    )
    num_blocks: Static[int] = field(2, "residual blocks of each width", within="[0, inf)")
    hidden: Static[tuple[int, ...]] = field(
        (256,), "widths of the network of the action", within="[1, inf)"
    )

    def critic(self, space, action_size, returns):
        layer = returns.layer(1)
        key, features = jax.random.key(0), jnp.zeros((1, 1))
        out = jax.eval_shape(lambda: layer.init_with_output(key, features)[0])
        return _Hyper(len(space.shape), self, out.shape[-1])


class _Hyper(nn.Module):
    ndim: int
    plan: HyperCritic
    num_outputs: int

    @nn.compact
    def __call__(self, obs, action):
        plan, square = self.plan, 1.0  # the mean square of a feature at first
        z = flat(jnp.asarray(obs, jnp.float32), self.ndim)
        for width in plan.primary_hidden:
            z = nn.Dense(width, kernel_init=Lecun(1.0))(z)
            for _ in range(plan.num_blocks):
                y = nn.Dense(width, kernel_init=Lecun())(jax.nn.relu(z))
                z = z + nn.Dense(width, kernel_init=Lecun())(jax.nn.relu(y))
                square = 2.0 * square
        x = action
        for width in plan.hidden:
            x = jax.nn.relu(_Made(width, math.sqrt(2.0 / square))(z, x))
        return _Made(self.num_outputs, math.sqrt(1.0 / square))(z, x)


class _Made(nn.Module):
    """A layer of x [..., I] whose weights are linear in z [..., F]."""

    size: int
    gain: float  # of the weights' standard deviation over that of z / sqrt(I)

    @nn.compact
    def __call__(self, z, x):
        num = x.shape[-1]
        made = nn.Dense(num * self.size, kernel_init=Lecun(self.gain / math.sqrt(num)))(z)
        kernel = made.reshape(*z.shape[:-1], num, self.size)
        scale, shift = (nn.Dense(self.size, kernel_init=nn.initializers.zeros)(z) for _ in range(2))
        return (1.0 + scale) * jnp.einsum("...i,...io->...o", x, kernel) + shift
