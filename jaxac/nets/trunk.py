"""Trunks: from an observation to features, an encoder and then dense layers."""

from typing import Protocol, runtime_checkable

import flax.linen as nn
import jax.numpy as jnp

from jaxac.core import frozen
from jaxac.envs.contract import Box
from jaxac.nets.activation import Activation
from jaxac.nets.initialise import Initialiser


@runtime_checkable
class Trunk(Protocol):
    """A plan of all layers but the last."""

    def module(self, space: Box) -> nn.Module:
        """obs [..., *space.shape] of any dtype -> features [..., F].

        Raises `EnvError` for a space that it cannot serve.
        """
        ...


@runtime_checkable
class Encoder(Protocol):
    """What makes a vector of an observation, below a trunk's dense layers."""

    def layers(self, space: Box, activation: Activation, init: Initialiser) -> nn.Module:
        """obs [..., *space.shape], float32 -> features [..., F].

        `activation` and `init` are those of the dense layers. Raises `EnvError` for a space that it
        cannot serve.
        """
        ...


def on_encoder(
    encoder: Encoder, hidden: tuple[int, ...], activation: Activation, init: Initialiser, space: Box
) -> nn.Module:
    """Dense layers with zero initial biases on what `encoder` gives of obs [..., *space.shape]."""
    return _Dense(encoder.layers(space, activation, init), hidden, activation, init)


class _Dense(nn.Module):
    encoder: nn.Module
    hidden: tuple[int, ...]
    activation: Activation
    init_weights: Initialiser

    @nn.compact
    def __call__(self, obs):
        x = self.encoder(jnp.asarray(obs, jnp.float32))
        for width in self.hidden:
            x = self.activation(nn.Dense(width, kernel_init=self.init_weights)(x))
        return x


class _Flatten(nn.Module):
    ndim: int

    @nn.compact
    def __call__(self, x):
        return flat(x, self.ndim)


@frozen
class Flatten:
    """The elements of the observation in one row."""

    def layers(self, space, activation, init):
        del activation, init
        return _Flatten(len(space.shape))


def flat(x, ndim: int):
    """[..., *shape] -> [..., F], where `shape` has `ndim` axes."""
    return x.reshape((*x.shape[: x.ndim - ndim], -1))
