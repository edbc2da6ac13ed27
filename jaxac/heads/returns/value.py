"""Critics that say the expected return alone."""

import jax.numpy as jnp

from jaxac.core import Static, field, frozen
from jaxac.heads.returns.contract import LAST, Several, affine
from jaxac.nets.layer import Layer
from jaxac.ops.value_loss import Squared, ValueLoss


@frozen
class Value:
    """The expected return alone, which may be guessed `num` times: K."""

    value_loss: ValueLoss = field(Squared(), "the loss of a value")
    last: Layer = LAST
    num: Static[int] = field(1, "guesses", within="[1, inf)")

    def layer(self, num):
        return Several(self.last, num, self.num)

    def mean(self, out):
        return out[..., 0] if self.num == 1 else out.mean(-1)

    def std(self, out):
        return jnp.zeros(out.shape[:-1])

    def sample(self, key, out):
        del key
        return self.mean(out)

    def average(self, out):
        return out.mean(0)

    def backup(self, key, out, shift, discount):
        del key
        return affine(self.mean(out)[..., None], shift, discount)

    def loss(self, out, old_out, target):
        return self.mean(self.value_loss(out, old_out, target))

    def error(self, out, target):
        return self.mean(jnp.abs(out - target))
