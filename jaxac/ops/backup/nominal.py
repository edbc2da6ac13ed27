"""Models of what follows an observation and an action: the centre of a ball of models."""

from typing import Any, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Key, Metrics, Scalar, Static, field, frozen
from jaxac.data.replay import Batch
from jaxac.envs.contract import Box
from jaxac.errors import EnvError
from jaxac.nets import critic as networks
from jaxac.nets.critic import TRUNK, Net
from jaxac.nets.trunk import Trunk, flat
from jaxac.ops.optimiser import OPTIMISER, Optimiser, descend

RATE = field(5e-4, "step size", within="[0, inf)", search=(1e-4, 5e-4, 1e-3))


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
        params, opt_state, metrics = descend(loss, optimiser, memory.params, memory.opt_state)
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
