"""Codecs: continuous actions as a few codes, so that sums and maxima over actions are exact."""

from typing import Any, Protocol, cast, runtime_checkable

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from jaxac.core import Key, Metrics, Params, Scalar, Static, field, frozen
from jaxac.envs.contract import Box, view
from jaxac.errors import ConfigError
from jaxac.nets.vq import VQ
from jaxac.ops.optimiser import OPTIMISER, Optimiser, descend

Actions = Float[Array, "B A"]
Codes = Int[Array, " B"]
MOST = 2**16  # codes of a grid


@runtime_checkable
class Codec(Protocol):
    """A plan of codes for actions in [-1, 1]; what it has learned stands beside it."""

    def num(self, size: int) -> int:
        """How many codes a state has, for actions of `size` dimensions. Raises `ConfigError`."""
        ...

    def init(self, key: Key, obs: Any, action: Actions) -> Any:
        """Memory before any data, for observations and actions [N, ...]."""
        ...

    def encode(self, memory: Any, obs: Any, action: Actions) -> Codes:
        """The code of each action."""
        ...

    def decode(self, memory: Any, obs: Any, code: Codes, size: int) -> Actions:
        """What each code stands for, [B, size]."""
        ...

    def learn(
        self, memory: Any, obs: Any, action: Actions, weight: Float[Array, " B"]
    ) -> tuple[Any, Metrics]:
        """Memory after a batch, whose rows have weights."""
        ...


@frozen
class Grid:
    """Every dimension on a grid of its own, from -1 to 1 with both ends; nothing is learned.

    There are `bins` to the power of dimensions, so it is for few of them.
    """

    bins: Static[int] = field(9, "values of each dimension", within="[2, inf)")

    def num(self, size):
        num = self.bins**size
        if num > MOST:
            raise ConfigError(
                "codec.bins",
                f"{self.bins} values in each of {size} dimensions are {num:,} codes, more than "
                f"{MOST:,}; take fewer, or the codec VQVAE",
            )
        return num

    def init(self, key, obs, action):
        return ()

    def encode(self, memory, obs, action):
        place = jnp.round((jnp.clip(action, -1.0, 1.0) + 1.0) * 0.5 * (self.bins - 1))
        radix = self.bins ** jnp.arange(action.shape[-1])
        return (place.astype(jnp.int32) * radix).sum(-1)

    def decode(self, memory, obs, code, size):
        place = (code[:, None] // self.bins ** jnp.arange(size)) % self.bins
        return -1.0 + 2.0 * place / (self.bins - 1)

    def learn(self, memory, obs, action, weight):
        return memory, {}


@frozen
class Learned:
    """What a `VQVAE` has learned."""

    params: Params
    opt_state: optax.OptState


@frozen
class VQVAE:
    """Codes that depend on the state, learned by reconstructing the buffer's actions.

    Source: Luo et al. 2023, arXiv:2310.11731 (SAQ), section 4, and the sizes of its code: squared
    error of the decoded action, beside those that draw codes to vectors and vectors to codes.
    """

    learning_rate: Scalar = field(3e-4, "step size", within="[0, inf)")
    commitment: Scalar = field(1.0, "weight of drawing vectors to codes", within="[0, inf)")
    net: VQ = field(VQ(), "the networks")
    optimiser: Optimiser = OPTIMISER

    def num(self, size):
        return self.net.num_codes

    def init(self, key, obs, action):
        params = self._module(obs, action.shape[-1]).init(key, view(obs, "policy"), action)
        return Learned(params, self.optimiser(self.learning_rate).init(params))

    def encode(self, memory, obs, action):
        module = self._module(obs, action.shape[-1])
        code = module.apply(memory.params, view(obs, "policy"), action, method="encode")
        return cast(Array, code)

    def decode(self, memory, obs, code, size):
        module = self._module(obs, size)
        action = module.apply(memory.params, view(obs, "policy"), code, method="decode")
        return jnp.clip(cast(Array, action), -1.0, 1.0)

    def learn(self, memory, obs, action, weight):
        def loss(params):
            module = self._module(obs, action.shape[-1])
            vector, code, again = cast(Any, module.apply(params, view(obs, "policy"), action))
            wrong = jnp.square(again - action).sum(-1)
            moves = jnp.square(code - jax.lax.stop_gradient(vector)).mean(-1)
            stays = jnp.square(vector - jax.lax.stop_gradient(code)).mean(-1)
            total = (weight * (wrong + moves + self.commitment * stays)).mean()
            return total, {"codec_loss": total, "codec_error": wrong.mean()}

        optimiser = self.optimiser(self.learning_rate)
        params, opt_state, metrics = descend(loss, optimiser, memory.params, memory.opt_state)
        return Learned(params, opt_state), metrics

    def _module(self, obs, size):
        return self.net.module(Box(view(obs, "policy").shape[1:]), size)
