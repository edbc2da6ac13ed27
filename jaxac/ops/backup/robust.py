"""Targets that hold for the worst transition model in a ball around a nominal one."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Scalar, Static, field, frozen
from jaxac.envs.contract import Box, view
from jaxac.heads.returns import Value
from jaxac.nets import critic as networks
from jaxac.nets.critic import CriticNet, Net, Plain
from jaxac.ops.backup.nominal import RATE, Autoencoder, Fitted, Nominal
from jaxac.ops.optimiser import OPTIMISER, Optimiser, descend

LOG_B = 10.0  # largest size of log b: float32 holds V / b then


def dual(value: Float[Array, "S *B"], b: Float[Array, "*B"], radius: Scalar) -> Float[Array, "*B"]:
    """-b log E[exp(-V / b)] - b radius over equally likely values.

    Its maximum over b > 0 is the least mean of V over distributions on them whose divergence
    KL(. || uniform) is at most `radius` nats. Source: Hu & Hong 2013; arXiv:2506.12622, section 4.
    """
    total = jax.nn.logsumexp(-value / b, axis=0) - jnp.log(value.shape[0])
    return -b * total - b * radius


@frozen
class Robust:
    """One step to the worst model of a ball. For critics that say a mean."""

    radius: Scalar = field(0.1, "of the ball of models: divergence in nats", within="[0, inf)")
    learning_rate: Scalar = RATE
    net: CriticNet = field(Plain(), "the network of log b")
    model: Nominal = field(Autoencoder(), "the centre of the ball")
    optimiser: Optimiser = OPTIMISER
    num_samples: Static[int] = field(20, "next observations to a target", within="[1, inf)")
    num_steps: Static[int] = field(5, "gradient steps of b to a batch", within="[1, inf)")

    def init(self, key, obs, action, num):
        key_dual, key_model = jax.random.split(key)
        params = self.dual_net(obs, action).init(key_dual, obs, action)
        fitted = Fitted(params, self.optimiser(self.learning_rate).init(params))
        return {"dual": fitted, "model": self.model.init(key_model, obs, action)}

    def __call__(self, key, memory, nets, batch):
        key_action, key_out, key_backup, key_sample, key_dual = jax.random.split(key, 5)
        obs = self.model.sample(key_sample, memory["model"], batch, self.num_samples)
        value = self.value((key_action, key_out), nets, obs)
        b = self.b(key_dual, memory["dual"].params, batch)
        worst = dual(value, b, self.radius)[:, None]
        return nets.returns.backup(key_backup, worst, batch.reward, batch.discount)

    def learn(self, key, memory, nets, batch):
        key_model, key_action, key_out, key_sample, key_dual = jax.random.split(key, 5)
        model, metrics = self.model.learn(key_model, memory["model"], batch)
        obs = self.model.sample(key_sample, model, batch, self.num_samples)
        value = jax.lax.stop_gradient(self.value((key_action, key_out), nets, obs))
        optimiser = self.optimiser(self.learning_rate)

        def step(fitted, key):
            def loss(params):
                b = self.b(key, params, batch)
                return -dual(value, b, self.radius).mean(), {"dual": b.mean()}

            params, opt_state, more = descend(loss, optimiser, fitted.params, fitted.opt_state)
            return Fitted(params, opt_state), more

        keys = jax.random.split(key_dual, self.num_steps)
        fitted, more = jax.lax.scan(step, memory["dual"], keys)
        return {"dual": fitted, "model": model}, {**metrics, **jax.tree.map(jnp.mean, more)}

    def value(self, keys, nets, obs):
        """V [S, B] of next observations [S, B, ...], of one of the slow policy's actions each."""
        shape = jax.tree.leaves(obs)[0].shape[:2]
        every = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), obs)
        action, log_prob = nets.proposal(keys[0], every)
        q = nets.returns.mean(nets.slow_out(keys[1], every, action))
        return (q - nets.alpha * log_prob).reshape(shape)

    def b(self, key, params, batch):
        """The multiplier b [B] of each observation and action."""
        net = self.dual_net(batch.obs, batch.action)
        log_b = net.apply(params, key, batch.obs, batch.action)[:, 0]
        return jnp.exp(jnp.clip(log_b, -LOG_B, LOG_B))

    def dual_net(self, obs, action) -> Net:
        """The network of log b for observations and actions like these [N, ...]."""
        space = Box(view(obs, "critic").shape[1:])
        return networks.net(self.net.critic(space, action.shape[-1], Value()), "critic")
