"""The categorical head, for discrete actions."""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.core import Scalar, Static, field, frozen
from jaxac.nets.initialise import orthogonal

ILLEGAL = -1e9  # a logit whose probability is exactly 0, and whose gradient is 0 and not NaN


@frozen
class Categorical:
    """A softmax over `num_actions` logits.

    Where no action is legal, all are equally likely.
    """

    num_actions: Static[int] = field(2, "number of actions", within="[1, inf)")
    scale: Scalar = field(0.01, "gain of the last layer's initial weights", within="[0, inf)")

    def layer(self):
        return nn.Dense(self.num_actions, kernel_init=orthogonal(self.scale))

    def sample(self, key, out):
        return jax.random.categorical(key, out)

    def mode(self, out):
        return out.argmax(-1)

    def log_prob(self, out, action):
        log_prob = jax.nn.log_softmax(out)
        return jnp.take_along_axis(log_prob, action[..., None], -1)[..., 0]

    def entropy(self, out):
        log_prob = jax.nn.log_softmax(out)
        return -(jnp.exp(log_prob) * log_prob).sum(-1)

    def kl(self, out, other):
        log_prob = jax.nn.log_softmax(out)
        return (jnp.exp(log_prob) * (log_prob - jax.nn.log_softmax(other))).sum(-1)

    def decode(self, action):
        return action

    def mask(self, out, legal):
        return jnp.where(legal, out, ILLEGAL)
