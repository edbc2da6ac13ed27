"""Targets of a network of the value of a state, which is trained along."""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.core import Scalar, field, frozen
from jaxac.envs.contract import Box, view
from jaxac.heads.returns import Value
from jaxac.nets import critic as networks
from jaxac.nets.critic import Plain, ValuesNet
from jaxac.ops.optimiser import OPTIMISER, RATE, Optimiser, descend
from jaxac.ops.slow import Polyak, Slow


@frozen
class Memory:
    """The network of the value of a state."""

    params: Any
    opt_state: Any
    slow: Any
    step: Any


@frozen
class LearnedValue:
    """r + d V'(s') of a network that is trained along. For critics that say a mean.

    Source: arXiv:1801.01290, eq. 5, 6 and 8. The network sees the `critic` view.
    """

    learning_rate: Scalar = RATE
    net: ValuesNet = field(Plain(), "the network of the value of a state")
    slow: Slow = field(Polyak(), "the copy that targets are of")
    optimiser: Optimiser = OPTIMISER

    def init(self, key, obs, action, num):
        del action, num
        params = self.value_net(obs).init(key, obs)
        opt_state = self.optimiser(self.learning_rate).init(params)
        return Memory(params, opt_state, self.slow.init(params), jnp.int32(0))

    def __call__(self, key, memory, nets, batch):
        key_value, key_backup = jax.random.split(key)
        slow = self.slow.read(memory.slow, memory.params)
        out = self.value_net(batch.final_obs).apply(slow, key_value, batch.final_obs)[:, 0]
        return nets.returns.backup(key_backup, out, batch.reward, batch.discount)

    def learn(self, key, memory, nets, batch):
        key_target, key_value = jax.random.split(key)
        target = jax.lax.stop_gradient(self.soft_value(key_target, nets, batch.obs))

        def loss(params):
            value = self.value_net(batch.obs).apply(params, key_value, batch.obs)[:, 0, 0]
            total = 0.5 * (batch.weight * jnp.square(value - target)).mean()
            return total, {"value_loss": total}

        optimiser = self.optimiser(self.learning_rate)
        params, opt_state, metrics = descend(loss, optimiser, memory.params, memory.opt_state)
        step = memory.step + 1
        return Memory(params, opt_state, self.slow.update(memory.slow, params, step), step), metrics

    def soft_value(self, key, nets, obs):
        """min Q(s, a) - alpha log pi(a|s) of one of the policy's actions, [B]."""
        key_action, key_out = jax.random.split(key)
        action, log_prob = nets.policy(key_action, obs)
        return nets.returns.mean(nets.slow_out(key_out, obs, action)) - nets.alpha * log_prob

    def value_net(self, obs):
        """The network for observations like `obs` [N, ...]."""
        space = Box(view(obs, "critic").shape[1:])
        return networks.net(self.net.values(space, 1, Value()), "critic")
