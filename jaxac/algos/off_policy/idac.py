"""Implicit distributional actor-critic (IDAC).

Source: Yue et al. 2020, arXiv:2007.06159, Algorithm 1 and section 3; the authors' PyTorch code
(github.com/zhougroup/IDAC) for entropy in the targets and the normalised layers.
Against `sac`: critics are generators, which turn noise into returns, sorted and trained by quantile
regression to the least of both critics' sorted returns; the policy is semi-implicit, a Gaussian
whose mean and deviation depend on noise too, so that its density is a mixture without end, which a
few more draws of the noise stand for. A slow policy acts in targets. No noise in the policy gives
the Gaussian policy of SAC (`pytest tests/algos/off_policy/test_idac.py`).
Departs from the paper: one action for each observation of the policy's step, where it averages 51;
densities are clipped nowhere, as they are in the code.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.algos.off_policy import sac
from jaxac.core import Static, field, frozen, replace
from jaxac.envs.contract import Box
from jaxac.errors import ConfigError
from jaxac.heads import normal
from jaxac.heads.reparameterised import Stochastic, TanhNormal
from jaxac.heads.returns import Quantiles
from jaxac.heads.returns.contract import LAST
from jaxac.nets.critic import TRUNK
from jaxac.nets.layer import Layer
from jaxac.nets.normed import NormedMLP
from jaxac.nets.trunk import Trunk, flat
from jaxac.ops.slow import Polyak
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = sac.make
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


@frozen
class Mixture:
    """Actions of the first of several squashed Gaussians, with the density of their mixture.

    Source: arXiv:2007.06159, section 3: minus the mean of the log-probability is at most the
    entropy of the mixture over all noise, and comes to it as draws grow.
    """

    one: TanhNormal = field(TanhNormal(), "the Gaussian of a draw of the noise")

    @property
    def size(self):
        return self.one.size

    @property
    def num_outputs(self):
        return self.one.num_outputs

    def layer(self):
        return self.one.layer()

    def sample(self, key, out):
        mean, raw = jnp.split(out, 2, axis=-1)
        out = jnp.concatenate([mean, self.one.spread(raw)], axis=-1)  # [..., L, 2A]
        before = normal.TanhNormal(self.one.low, self.one.high, self.one.shape)
        u = before.sample(key, out[..., 0, :])
        each = before.log_prob(out, u[..., None, :])
        return jnp.tanh(u), jax.nn.logsumexp(each, axis=-1) - jnp.log(each.shape[-1])

    def mode(self, out):
        return self.one.mode(out[..., 0, :])

    def decode(self, action):
        return self.one.decode(action)


@frozen
class Mixed:
    """`Mixture` for a bounded Box."""

    one: Stochastic = field(Stochastic(), "the Gaussian of a draw of the noise")

    def __call__(self, space):
        return Mixture(self.one(space))


@frozen
class SortedMin:
    """The least of the members' quantiles, one by one. Source: arXiv:2007.06159."""

    def members(self, key, params):
        return params

    def __call__(self, returns, out):
        return out.min(0)


def idac(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = sac.sac(
        actor=Actor(net=SemiImplicit(), actions=Mixed(), slow=Polyak()),
        critic=Critic(net=Generator(), returns=Quantiles(51), reduce=SortedMin()),
    )
    return replace(base, **changes)
