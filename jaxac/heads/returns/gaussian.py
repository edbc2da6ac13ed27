"""Critics that say the mean and the standard deviation of the return."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen
from jaxac.heads.returns.contract import LAST, Several
from jaxac.nets.layer import Layer

REACH = 3.0
"""Standard deviations that a drawn return is from the mean at most, as in the code of DSAC."""


class Goal(NamedTuple):
    """What a Gaussian is trained towards; all broadcast against [E, B]."""

    mean: Float[Array, "..."]
    """what its mean goes to"""
    sample: Float[Array, "..."]
    """the return whose distance from its mean the standard deviation goes to"""
    clip: Float[Array, "..."]
    """largest such distance"""
    scale: Float[Array, "..."]
    """weight of the loss, in units of variance where steps are to be free of the reward's unit"""


@frozen
class Gaussian:
    """A Gaussian of the return, by maximum likelihood; K = 2: the mean and, through a softplus, s.

    Source: Duan et al. 2021, arXiv:2001.02811 (DSAC): with y a drawn return and C(y) the same no
    further than `clip` from the mean Q, the gradients are those of the log-likelihood, made finite,

        mean:  - (y - Q) / (s^2 + eps)        deviation:  - ((C(y) - Q)^2 - s^2) / (s^3 + eps),

    as in the code of the authors, which clips in the second alone. With `clip` infinite and `eps`
    0 they are exact. The value of the loss means nothing, only its gradient does. With `substitute`
    1 the mean goes to the mean of y (Duan et al. 2023, arXiv:2310.05858); with `draw`
    0 so does the deviation, which is then that of one step. `caution` makes `mean` what a return is
    worth where its spread is feared: Q - caution s (Özalp 2026, arXiv:2601.00737).
    """

    clip: Scalar = field(20.0, "largest distance of a return from the mean", within="[0, inf]")
    eps: Scalar = field(0.1, "added to variances and cubes in denominators", within="[0, inf)")
    floor: Scalar = field(0.0, "least standard deviation", within="[0, inf)")
    draw: Scalar = field(1.0, "share of the next return's deviation in targets", within="[0, 1]")
    substitute: Scalar = field(0.0, "share of the target's mean in the mean's", within="[0, 1]")
    caution: Scalar = field(
        0.0, "standard deviations below its mean that a return is worth", within="[0, inf)"
    )
    last: Layer = LAST

    def layer(self, num):
        return Several(self.last, num, 2)

    def mean(self, out):
        return out[..., 0] - self.caution * self.std(out)

    def std(self, out):
        return self.floor + jax.nn.softplus(out[..., 1])

    def sample(self, key, out):
        return out[..., 0] + self.std(out) * jax.random.normal(key, out.shape[:-1])

    def average(self, out):
        return out.mean(0)

    def backup(self, key, out, shift, discount):
        noise = jnp.clip(jax.random.normal(key, shift.shape), -REACH, REACH)
        mean = shift + discount * self.mean(out)
        sample = mean + discount * self.draw * noise * self.std(out)
        moved = sample + self.substitute * (mean - sample)
        clip = jnp.asarray(self.clip, jnp.float32)
        return Goal(moved, sample, clip, jnp.ones(()))

    def loss(self, out, old_out, target):
        del old_out
        mean, std = out[..., 0], self.std(out)
        q, s = jax.lax.stop_gradient((mean, std))
        distance = jnp.clip(target.sample - q, -target.clip, target.clip)
        error = jnp.square(target.mean - mean) / (jnp.square(s) + self.eps)
        pull = (jnp.square(distance) - jnp.square(s)) / (s**3 + self.eps)
        return target.scale * (0.5 * error - pull * std)

    def error(self, out, target):
        return jnp.abs(target.mean - out[..., 0])
