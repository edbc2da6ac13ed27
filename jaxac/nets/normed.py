"""Fully connected trunks whose layers are normalised, and may lose units at random."""

from typing import Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.core import Scalar, Static, field, frozen
from jaxac.envs.contract import Box
from jaxac.nets.activation import Activation, ReLU
from jaxac.nets.initialise import Initialiser, Lecun
from jaxac.nets.trunk import flat


@runtime_checkable
class Norm(Protocol):
    """A plan of what normalises a layer's features."""

    def normaliser(self) -> nn.Module:
        """features [..., F] -> [..., F]."""
        ...


@runtime_checkable
class Drop(Protocol):
    """A plan of which features a layer loses."""

    def dropper(self) -> nn.Module:
        """features [..., F] -> [..., F]; nothing is lost without a key for `noise`."""
        ...


class _Same(nn.Module):
    @nn.compact
    def __call__(self, x):
        return x


@frozen
class Unnormalised:
    """Features as they are."""

    def normaliser(self):
        return _Same()


@frozen
class LayerNorm:
    """Mean 0 and variance 1 over the features of a row, then a learned scale and shift.

    Source: Ba et al. 2016, arXiv:1607.06450, eq. 3 and 4.
    """

    eps: Static[float] = field(1e-6, "added to the variance", within="(0, inf)")

    def normaliser(self):
        return nn.LayerNorm(epsilon=self.eps)


@frozen
class Kept:
    """Every feature is kept."""

    def dropper(self):
        return _Same()


@frozen
class Dropout:
    """Each feature is 0 with probability `rate`, else it is scaled up, so that means stay.

    Source: Srivastava et al. 2014, Dropout (JMLR 15), section 10.
    """

    rate: Scalar = field(0.01, "probability that a feature is lost", within="[0, 1)")

    def dropper(self):
        return _Dropout(self.rate)


class _Dropout(nn.Module):
    rate: Scalar

    @nn.compact
    def __call__(self, x):
        if not self.has_rng("noise"):
            return x
        keep = jax.random.bernoulli(self.make_rng("noise"), 1.0 - self.rate, x.shape)
        return jnp.where(keep, x / (1.0 - self.rate), 0.0)


@frozen
class NormedMLP:
    """Layers of: affine map, dropout, normalisation, activation. Observations are flattened.

    Source: Hiraoka et al. 2022, arXiv:2110.02034, figure 1. With `Kept` and `Unnormalised` it is
    `MLP`.
    """

    hidden: Static[tuple[int, ...]] = field(
        (256, 256), "width of each hidden layer", within="[1, inf)"
    )
    activation: Activation = field(ReLU(), "function after each layer")
    init: Initialiser = field(Lecun(), "initial weights of the hidden layers")
    norm: Norm = field(LayerNorm(), "normalisation before the activation")
    drop: Drop = field(Kept(), "features lost before the normalisation")

    def module(self, space: Box):
        return _Normed(len(space.shape), self)


class _Normed(nn.Module):
    ndim: int
    plan: NormedMLP

    @nn.compact
    def __call__(self, obs):
        plan, x = self.plan, flat(jnp.asarray(obs, jnp.float32), self.ndim)
        for width in plan.hidden:
            x = plan.drop.dropper()(nn.Dense(width, kernel_init=plan.init)(x))
            x = plan.activation(plan.norm.normaliser()(x))
        return x
