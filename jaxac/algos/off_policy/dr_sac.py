"""Distributionally robust soft actor-critic (DR-SAC).

Source: Cui et al. 2025, arXiv:2506.12622, Algorithm 1, and the authors' code for settings.
Against `sac`: targets hold for the worst transition model in a ball around a nominal one,

    r + d max over b > 0 of  -b log E[exp(-V(s') / b)] - b radius,   s' from the nominal model,

with V(s') = Q'(s', a') - alpha log pi(a'|s'). A network of the observation and the action gives b,
and a variational autoencoder the nominal model; both learn along. A ball of radius 0 around the
transition itself, `Replayed`, gives `sac` (`pytest tests/algos/off_policy/test_dr_sac.py`).
Departs from the paper: V is by its definition, not a network; 20 draws from the model, not 200; b
is kept between e^-10 and e^10; the buffer may be filled while learning, not a fixed dataset.
"""

from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.algos.off_policy import sac
from jaxac.core import Key, Metrics, Scalar, Static, field, frozen, replace
from jaxac.data.replay import Batch
from jaxac.envs.contract import Box, view
from jaxac.errors import EnvError
from jaxac.heads.returns import Value
from jaxac.nets import critic as networks
from jaxac.nets.critic import TRUNK, CriticNet, Net, Plain
from jaxac.nets.trunk import Trunk, flat
from jaxac.ops.optimiser import Optimiser
from jaxac.runners import off_policy
from jaxac.runners.actor_critic import OPTIMISER, ActorCritic

make = sac.make
RATE = field(5e-4, "step size", within="[0, inf)", search=(1e-4, 5e-4, 1e-3))
LOG_B = 10.0  # largest size of log b: float32 holds V / b then


@frozen
class Fitted:
    """A network as it is trained."""

    params: Any
    opt_state: Any


@runtime_checkable
class Nominal(Protocol):
    """What follows an observation and an action; what it learns stands beside it."""

    def init(self, key: Key, obs: Any, action: Array) -> Any:
        """Memory before any data, for observations and actions [N, ...]."""
        ...

    def sample(self, key: Key, memory: Any, batch: Batch, num: int) -> Any:
        """Next observations [num, B, ...]."""
        ...

    def learn(self, key: Key, memory: Any, batch: Batch) -> tuple[Any, Metrics]:
        """Memory after a batch."""
        ...


@frozen
class Replayed:
    """The transition's own next observation."""

    def init(self, key, obs, action):
        return ()

    def sample(self, key, memory, batch, num):
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (num, *x.shape)), batch.final_obs)

    def learn(self, key, memory, batch):
        return memory, {}


@frozen
class Autoencoder:
    """A conditional variational autoencoder of the next observation, an array.

    Source: Kingma & Welling 2014, arXiv:1312.6114, eq. 10: squared error of the decoded
    observation, and nats between the code's Gaussian and the standard one.
    """

    learning_rate: Scalar = RATE
    trunk: Trunk = TRUNK
    optimiser: Optimiser = OPTIMISER
    size: Static[int] = field(5, "numbers of a code", within="[1, inf)")

    def init(self, key, obs, action):
        if isinstance(obs, dict):
            raise EnvError("the model is of one array, but observations have names; use Replayed")
        key_encoder, key_decoder = jax.random.split(key)
        seen = rows(obs, action)
        encoder, decoder = self.networks(obs, action)
        code = jnp.zeros((seen.shape[0], self.size))
        params = {
            "encoder": encoder.init(key_encoder, rows(seen, obs)),
            "decoder": decoder.init(key_decoder, rows(seen, code)),
        }
        return Fitted(params, self.optimiser(self.learning_rate).init(params))

    def sample(self, key, memory, batch, num):
        _, decoder = self.networks(batch.obs, batch.action)
        seen = rows(batch.obs, batch.action)

        def one(key):
            code = jax.random.normal(key, (seen.shape[0], self.size))
            decoded = decoder.apply(memory.params["decoder"], None, rows(seen, code))
            return decoded.reshape(batch.final_obs.shape)

        return jax.vmap(one)(jax.random.split(key, num))

    def learn(self, key, memory, batch):
        encoder, decoder = self.networks(batch.obs, batch.action)
        seen, following = rows(batch.obs, batch.action), rows(batch.final_obs)

        def loss(params):
            out = encoder.apply(params["encoder"], None, rows(seen, following))
            mean, log_var = jnp.split(out, 2, axis=-1)
            noise = jax.random.normal(key, mean.shape)
            code = mean + jnp.exp(0.5 * log_var) * noise
            decoded = decoder.apply(params["decoder"], None, rows(seen, code))
            error = jnp.square(decoded - following).sum(-1)
            nats = 0.5 * (jnp.square(mean) + jnp.exp(log_var) - log_var - 1.0).sum(-1)
            return (error + nats).mean(), {"model_loss": (error + nats).mean()}

        optimiser = self.optimiser(self.learning_rate)
        params, opt_state, metrics = off_policy.descend(
            loss, optimiser, memory.params, memory.opt_state
        )
        return Fitted(params, opt_state), metrics

    def networks(self, obs: Array, action: Array) -> tuple[Net, Net]:
        """Encoder and decoder for observations and actions like these [N, ...]."""
        following = obs[0].size
        seen = following + action[0].size

        def net(size_in, size):
            trunk = self.trunk.module(Box((size_in,)))
            return networks.net(nn.Sequential([trunk, nn.Dense(size)]), "")

        return net(seen + following, 2 * self.size), net(seen + self.size, following)


def rows(*arrays: Array) -> Float[Array, "B F"]:
    """What each row of the arrays [B, ...] holds, in one."""
    return jnp.concatenate([flat(jnp.asarray(x, jnp.float32), x.ndim - 1) for x in arrays], -1)


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

    def init(self, key, obs, action):
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

            params, opt_state, more = off_policy.descend(
                loss, optimiser, fitted.params, fitted.opt_state
            )
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


def dr_sac(**changes: Any) -> ActorCritic:
    """The settings as an `ActorCritic`; `changes` override fields by name."""
    return replace(sac.sac(backup=Robust()), **changes)
