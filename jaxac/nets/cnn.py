"""Convolutional encoders and trunks, for images [H, W, C].

A convolution is a matrix product with the patches of its input. A `vmap` over networks, which a
sweep is, then stays a product of batched matrices; that of `lax.conv` is a grouped convolution.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Static, field, frozen
from jaxac.envs.contract import Box
from jaxac.errors import ConfigError, EnvError
from jaxac.nets.activation import Activation, ReLU
from jaxac.nets.initialise import Initialiser
from jaxac.nets.mlp import INIT
from jaxac.nets.trunk import flat, on_encoder

CHANNELS = field((16,), "channels of each convolution", within="[1, inf)")
KERNELS = field((3,), "side of each square kernel, pixels", within="[1, inf)")
STRIDES = field((1,), "step of each kernel in both directions, pixels", within="[1, inf)")


class _Convolution(nn.Module):
    channels: int
    kernel: int
    stride: int
    init_weights: Initialiser

    @nn.compact
    def __call__(self, x):
        shape = (self.kernel, self.kernel, x.shape[-1], self.channels)
        kernel = self.param("kernel", self.init_weights, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        return patches(x, self.kernel, self.stride) @ kernel.reshape((-1, self.channels)) + bias


class _Convolutions(nn.Module):
    plan: "Conv"
    activation: Activation
    init_weights: Initialiser

    @nn.compact
    def __call__(self, x):
        plan = self.plan
        sizes = zip(plan.channels, plan.kernels, plan.strides, strict=True)
        for i, size in enumerate(sizes):
            x = self.activation(_Convolution(*size, self.init_weights, name=f"Conv_{i}")(x))
        return flat(x, 3)


@frozen
class Conv:
    """Convolutions without padding, each followed by the activation, then flattened.

    The default is the one layer of Young & Tian 2019, arXiv:1903.03176 (MinAtar).
    """

    channels: Static[tuple[int, ...]] = CHANNELS
    kernels: Static[tuple[int, ...]] = KERNELS
    strides: Static[tuple[int, ...]] = STRIDES

    def layers(self, space, activation, init):
        check(self, space)
        return _Convolutions(self, activation, init)


@frozen
class CNN:
    """Convolutions, then dense layers, all with zero initial biases.

    The default is the network of Young & Tian 2019, arXiv:1903.03176, section 3 (MinAtar).
    """

    channels: Static[tuple[int, ...]] = CHANNELS
    kernels: Static[tuple[int, ...]] = KERNELS
    strides: Static[tuple[int, ...]] = STRIDES
    hidden: Static[tuple[int, ...]] = field(
        (128,), "width of each dense layer", within="[1, inf)", search=((128,), (512,))
    )
    activation: Activation = field(ReLU(), "function after each layer")
    init: Initialiser = INIT

    def module(self, space):
        conv = Conv(self.channels, self.kernels, self.strides)
        return on_encoder(conv, self.hidden, self.activation, self.init, space)


NATURE = CNN((32, 64, 64), (8, 4, 3), (4, 2, 1), (512,))
"""The network of Mnih et al. 2015, Nature 518, for images of 84 x 84."""


def patches(
    x: Float[Array, "*batch h w c"], kernel: int, stride: int
) -> Float[Array, "*batch oh ow k"]:
    """What each place of a kernel sees, row by row: k = kernel * kernel * c, without padding."""
    for axis in (-2, -3):
        last = x.shape[axis] - kernel + 1
        seen = [jax.lax.slice_in_dim(x, i, i + last, stride, axis) for i in range(kernel)]
        x = jnp.concatenate(seen, -1)
    return x


def check(conv: Conv, space: Box) -> None:
    """Raise `ConfigError` for layers of unequal count, `EnvError` for what is no image for them."""
    counts = {len(x) for x in (conv.channels, conv.kernels, conv.strides)}
    if len(counts) > 1:
        raise ConfigError(
            "net",
            f"channels {conv.channels}, kernels {conv.kernels} and strides {conv.strides} of a "
            "convolution must have one number per layer each",
        )
    if len(space.shape) != 3:
        raise EnvError(
            f"convolutions take images [height, width, channels], but an observation is {space}; "
            "use an MLP: encoder Flatten in ActorCritic and SharedTrunk, MLP in TwoTrunks"
        )
    sides = space.shape[:2]
    for kernel, stride in zip(conv.kernels, conv.strides, strict=True):
        sides = tuple((side - kernel) // stride + 1 for side in sides)
        if min(sides) < 1:
            raise EnvError(
                f"kernels {conv.kernels} with strides {conv.strides} do not fit into {space}; use "
                "smaller ones or fewer"
            )
