"""Networks that see noise beside their inputs: critics that generate returns, mixed policies.

Source: Yue et al. 2020, arXiv:2007.06159 (IDAC), section 3.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.core import Static, field, frozen
from jaxac.envs.contract import Box
from jaxac.errors import ConfigError
from jaxac.heads.returns import Quantiles
from jaxac.heads.returns.contract import LAST
from jaxac.nets.critic import TRUNK
from jaxac.nets.layer import Layer
from jaxac.nets.normed import NormedMLP
from jaxac.nets.trunk import Trunk, flat

NOISE = field(5, "dimensions of the noise", within="[1, inf)")


@frozen
class Generator:
    """A critic that turns noise into returns, in order; as many draws as there are `Quantiles`.

    Without a key the noise is always the same draws.
    """

    trunk: Trunk = field(NormedMLP(), "all layers but the last")
    noise: Static[int] = NOISE
    last: Layer = LAST

    def critic(self, space, action_size, returns):
        if not isinstance(returns, Quantiles):
            raise ConfigError("critic.returns", f"a generator gives Quantiles, not {returns}")
        trunk = self.trunk.module(Box((space.size + action_size + self.noise,)))
        return _Generator(len(space.shape), trunk, self.last, returns.num, self.noise)


class _Generator(nn.Module):
    ndim: int
    trunk: nn.Module
    last: Layer
    num: int
    noise: int

    @nn.compact
    def __call__(self, obs, action):
        x = jnp.concatenate([flat(jnp.asarray(obs, jnp.float32), self.ndim), action], axis=-1)
        drawn = self.has_rng("noise")
        shape = (*x.shape[:-1], self.num, self.noise) if drawn else (self.num, self.noise)
        noise = jax.random.normal(self.make_rng("noise") if drawn else jax.random.key(0), shape)
        return jnp.sort(self.last(1)(self.trunk(beside(x, noise)))[..., 0], axis=-1)


@frozen
class SemiImplicit:
    """A policy whose trunk sees noise beside the observation: out [..., 1 + num, outputs].

    The first of them acts. Without a key there is one, of noise 0.
    """

    trunk: Trunk = TRUNK
    noise: Static[int] = NOISE
    num: Static[int] = field(21, "more draws that stand for the mixture", within="[0, inf)")

    def policy(self, space, head):
        trunk = self.trunk.module(Box((space.size + self.noise,)))
        return _SemiImplicit(len(space.shape), trunk, head.layer(), self.noise, self.num)


class _SemiImplicit(nn.Module):
    ndim: int
    trunk: nn.Module
    head: nn.Module
    noise: int
    num: int

    @nn.compact
    def __call__(self, obs):
        x = flat(jnp.asarray(obs, jnp.float32), self.ndim)
        if self.has_rng("noise"):
            shape = (*x.shape[:-1], 1 + self.num, self.noise)
            noise = jax.random.normal(self.make_rng("noise"), shape)
        else:
            noise = jnp.zeros((1, self.noise))
        return self.head(self.trunk(beside(x, noise)))


def beside(x, noise):
    """Features [..., F] with each draw of noise [..., L, D] or [L, D]: [..., L, F + D]."""
    shape = (*x.shape[:-1], noise.shape[-2])
    x = jnp.broadcast_to(x[..., None, :], (*shape, x.shape[-1]))
    return jnp.concatenate([x, jnp.broadcast_to(noise, (*shape, noise.shape[-1]))], axis=-1)
