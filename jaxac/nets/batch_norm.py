"""Fully connected trunks with batch normalisation, whose running statistics are variables."""

import flax.linen as nn
import jax.numpy as jnp

from jaxac.core import Scalar, Static, field, frozen
from jaxac.nets.activation import Activation, ReLU
from jaxac.nets.initialise import Initialiser, Lecun
from jaxac.nets.trunk import flat

STATISTICS = "batch_stats"
"""The collection of running means and variances, beside `params`."""
EPS = 1e-3  # added to a variance


@frozen
class BatchNormMLP:
    """Batch normalisation, then layers of: affine map, activation, batch normalisation.

    Source: Ioffe & Szegedy 2015, arXiv:1502.03167, Algorithm 1, placed as in the code of Bhatt et
    al. 2024, arXiv:1902.05605. A batch is normalised by its own statistics where the collection
    `batch_stats` is mutable, and moves the running ones; elsewhere it is normalised by those.
    """

    hidden: Static[tuple[int, ...]] = field(
        (2048, 2048), "width of each hidden layer", within="[1, inf)"
    )
    activation: Activation = field(ReLU(), "function after each layer")
    init: Initialiser = field(Lecun(), "initial weights of the hidden layers")
    momentum: Scalar = field(0.99, "share of the running statistics that stays", within="[0, 1)")

    def module(self, space):
        return _Normalised(len(space.shape), self)


class _Normalised(nn.Module):
    ndim: int
    plan: BatchNormMLP

    @nn.compact
    def __call__(self, obs):
        plan, x = self.plan, flat(jnp.asarray(obs, jnp.float32), self.ndim)
        x = _BatchNorm(plan.momentum)(x)
        for width in plan.hidden:
            x = plan.activation(nn.Dense(width, kernel_init=plan.init)(x))
            x = _BatchNorm(plan.momentum)(x)
        return x


class _BatchNorm(nn.Module):
    momentum: Scalar

    @nn.compact
    def __call__(self, x):
        size = x.shape[-1]
        running_mean = self.variable(STATISTICS, "mean", jnp.zeros, (size,))
        running_var = self.variable(STATISTICS, "var", jnp.ones, (size,))
        scale = self.param("scale", nn.initializers.ones, (size,))
        shift = self.param("bias", nn.initializers.zeros, (size,))
        mean, var = running_mean.value, running_var.value
        if self.is_mutable_collection(STATISTICS) and not self.is_initializing():
            rows = x.reshape(-1, size)
            mean, var = rows.mean(0), rows.var(0)
            for stored, new in ((running_mean, mean), (running_var, var)):
                stored.value = self.momentum * stored.value + (1.0 - self.momentum) * new
        return scale * (x - mean) / jnp.sqrt(var + EPS) + shift
