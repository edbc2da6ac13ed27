"""Fully connected trunks."""

import flax.linen as nn
import jax.numpy as jnp

from jaxac.core import Static, field, frozen
from jaxac.nets.activation import Activation, Tanh
from jaxac.nets.initialise import Initialiser, Orthogonal


class _Trunk(nn.Module):
    hidden: tuple[int, ...]
    activation: Activation
    init_weights: Initialiser
    obs_ndim: int

    @nn.compact
    def __call__(self, obs):
        x = jnp.asarray(obs, jnp.float32)
        x = x.reshape((*x.shape[: x.ndim - self.obs_ndim], -1))
        for width in self.hidden:
            x = self.activation(nn.Dense(width, kernel_init=self.init_weights)(x))
        return x


HIDDEN = field(
    (64, 64), "width of each hidden layer", within="[1, inf)", search=((64, 64), (256, 256))
)
ACTIVATION = field(Tanh(), "function after each layer")
INIT = field(Orthogonal(), "initial weights of the hidden layers")


@frozen
class MLP:
    """Dense layers with zero initial biases; observations are flattened."""

    hidden: Static[tuple[int, ...]] = HIDDEN
    activation: Activation = ACTIVATION
    init: Initialiser = INIT

    def module(self, obs_ndim: int) -> nn.Module:
        """obs [..., *obs_shape], whose shape has `obs_ndim` axes -> features [..., hidden[-1]]."""
        return _Trunk(self.hidden, self.activation, self.init, obs_ndim)
