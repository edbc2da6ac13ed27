"""Critics that are asked for quantiles of the return at any fractions."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, Static, field, frozen
from jaxac.heads.returns.contract import LAST, affine
from jaxac.heads.returns.quantiles import quantile_huber
from jaxac.nets.initialise import Lecun
from jaxac.nets.layer import Dense, Layer


@frozen
class Implicit:
    """Quantiles at fractions that are drawn anew for every row, which the actions share.

    Source: Dabney et al. 2018, arXiv:1806.06923 (IQN), eq. 3 and 4: features times an embedding of
    the fraction, and a layer on that. `out` holds the quantiles and then their fractions, so K is
    twice the larger of the two numbers. Without a key for `noise` the fractions are the middles of
    equal shares. Departs from the paper: means are over all fractions drawn, with which the next
    action is chosen too, in place of 32 of their own. Two last layers on one trunk (`Dueling`)
    draw fractions of their own each, of which the value's are kept.
    """

    kappa: Scalar = field(1.0, "error at which the loss turns linear", within="(0, inf)")
    num: Static[int] = field(64, "fractions in the loss", within="[1, inf)", search=(8, 32, 64))
    num_target: Static[int] = field(
        64, "fractions in a target", within="[1, inf)", search=(8, 32, 64)
    )
    num_cosines: Static[int] = field(64, "cosines of a fraction", within="[1, inf)")
    width: Static[int] = field(256, "of the layer after the product", within="[1, inf)")
    inner: Layer = field(Dense(Lecun()), "the embedding's layer, and the one after the product")
    last: Layer = LAST

    def layer(self, num):
        return _Asked(self, num)

    def mean(self, out):
        return split(out)[0].mean(-1)

    def std(self, out):
        return split(out)[0].std(-1)

    def sample(self, key, out):
        value = split(out)[0]
        chosen = jax.random.randint(key, (*value.shape[:-1], 1), 0, value.shape[-1])
        return jnp.take_along_axis(value, chosen, -1)[..., 0]

    def average(self, out):
        value, share = split(out)
        order = share.argsort(-1)
        return jnp.concatenate(
            [jnp.take_along_axis(x, order, -1).mean(0) for x in (value, share)], -1
        )

    def backup(self, key, out, shift, discount):
        del key
        return affine(split(out)[0][..., : self.num_target], shift, discount)

    def loss(self, out, old_out, target):
        del old_out
        value, share = (x[..., : self.num] for x in split(out))
        return quantile_huber(value, target, share, self.kappa).sum(-1)

    def error(self, out, target):
        return self.loss(out, out, target)


def split(out: Float[Array, "... K"]) -> tuple[Array, Array]:
    """Quantiles [..., K / 2] and their fractions, without a gradient."""
    value, share = jnp.split(out, 2, -1)
    return value, jax.lax.stop_gradient(share)


class _Asked(nn.Module):
    plan: Implicit
    num: int

    @nn.compact
    def __call__(self, x):
        plan = self.plan
        count = max(plan.num, plan.num_target)
        shape = (*x.shape[:-1], count)
        if self.has_rng("noise"):
            share = jax.random.uniform(self.make_rng("noise"), shape)
        else:
            share = jnp.broadcast_to((jnp.arange(count) + 0.5) / count, shape)
        cosines = jnp.cos(jnp.pi * jnp.arange(plan.num_cosines) * share[..., None])
        x = x[..., None, :] * nn.relu(plan.inner(x.shape[-1])(cosines))  # [..., N, F]
        value = plan.last(self.num)(nn.relu(plan.inner(plan.width)(x)))
        value = jnp.moveaxis(value, -1, -2)  # [..., num, N]
        share = jnp.broadcast_to(share[..., None, :], value.shape)
        return jnp.concatenate([value, share], -1)
