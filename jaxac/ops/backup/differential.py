"""Targets of rewards less what a step gives on average, which is learned along."""

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.core import Scalar, field, frozen, replace
from jaxac.ops.backup.contract import OneStep


@frozen
class Gain:
    """The reward of a step on average, and its optimiser's memory."""

    rho: Float[Array, ""]
    opt_state: optax.OptState


@frozen
class Differential:
    """r - rho + Q'(s', a'), where rho descends the critics' squared TD error by Adam.

    Source: arXiv:2305.12239, Algorithm 1. A target of n rewards would take n rho, so it is for
    `replay.num_steps` 1.
    """

    learning_rate: Scalar = field(3e-4, "step size of rho", within="[0, inf)")
    start: Scalar = field(0.0, "rho before any data, in units of reward", within="(-inf, inf)")

    def init(self, key, obs, action, num):
        rho = jnp.asarray(self.start, jnp.float32)
        return Gain(rho, optax.adam(self.learning_rate).init(rho))

    def __call__(self, key, memory, nets, batch):
        return OneStep()(key, (), nets, replace(batch, reward=batch.reward - memory.rho))

    def learn(self, key, memory, nets, batch):
        key_target, key_out = jax.random.split(key)
        target = nets.returns.mean(self(key_target, memory, nets, batch))
        q = nets.returns.mean(nets.out(key_out, batch.obs, batch.action))
        grad = (batch.weight * (q - target)).mean(-1).sum()
        step, opt_state = optax.adam(self.learning_rate).update(grad, memory.opt_state)
        rho = memory.rho + step
        return Gain(rho, opt_state), {"average_reward": rho}
