"""Critics that say the expected return alone."""

import jax.numpy as jnp

from jaxac.core import field, frozen
from jaxac.heads.returns.contract import LAST, Several, affine
from jaxac.nets.layer import Layer
from jaxac.ops.value_loss import Squared, ValueLoss


@frozen
class Value:
    """The expected return alone, K = 1."""

    value_loss: ValueLoss = field(Squared(), "the loss of a value")
    last: Layer = LAST

    def layer(self, num):
        return Several(self.last, num, 1)

    def mean(self, out):
        return out[..., 0]

    def std(self, out):
        return jnp.zeros(out.shape[:-1])

    def sample(self, key, out):
        del key
        return self.mean(out)

    def average(self, out):
        return out.mean(0)

    def backup(self, key, out, shift, discount):
        del key
        return affine(out, shift, discount)

    def loss(self, out, old_out, target):
        return self.value_loss(out, old_out, target)[..., 0]

    def error(self, out, target):
        return jnp.abs(out - target)[..., 0]
