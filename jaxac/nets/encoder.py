"""Encoders that a policy and its critics share: from an observation to one vector.

The critics' loss trains the encoder. The policy has a copy of it, which it does not train: whoever
makes the steps puts the critics' encoder in its place (`tied`).
"""

from typing import Any, cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxac.core import Params, Static, field, frozen
from jaxac.envs.contract import Box, Observations
from jaxac.nets.activation import ReLU
from jaxac.nets.cnn import Conv, check
from jaxac.nets.critic import Net, ensemble
from jaxac.nets.initialise import Initialiser, Orthogonal
from jaxac.nets.trunk import Trunk, flat

UNSEEN = ("critic", "action_mask")


@frozen
class PixelEncoder:
    """Convolutions with ReLU, an affine map to a few features, layer normalisation and tanh.

    Source: Yarats et al. 2021, arXiv:2004.13649 (DrQ), appendix C; Yarats et al. 2021,
    arXiv:1910.01741 (SAC+AE), appendix B. What is no image [H, W, C] is flattened and left as it
    is, without parameters.
    """

    channels: Static[tuple[int, ...]] = field(
        (32, 32, 32, 32), "channels of each convolution", within="[1, inf)"
    )
    kernels: Static[tuple[int, ...]] = field(
        (3, 3, 3, 3), "side of each square kernel, pixels", within="[1, inf)"
    )
    strides: Static[tuple[int, ...]] = field(
        (2, 1, 1, 1), "step of each kernel in both directions, pixels", within="[1, inf)"
    )
    width: Static[int] = field(50, "features", within="[1, inf)")
    init: Initialiser = field(Orthogonal(), "initial weights")

    def module(self, space):
        if len(space.shape) != 3:
            return _Vector(len(space.shape))
        conv = Conv(self.channels, self.kernels, self.strides)
        check(conv, space)
        return _Compressed(conv.layers(space, ReLU(), self.init), self.width, self.init)


class _Vector(nn.Module):
    ndim: int

    @nn.compact
    def __call__(self, obs):
        return flat(jnp.asarray(obs, jnp.float32), self.ndim)


class _Compressed(nn.Module):
    convolutions: nn.Module
    width: int
    init_weights: Initialiser

    @nn.compact
    def __call__(self, obs):
        x = self.convolutions(jnp.asarray(obs, jnp.float32))
        return jnp.tanh(nn.LayerNorm()(nn.Dense(self.width, kernel_init=self.init_weights)(x)))


class _Joined(nn.Module):
    encoders: dict[str, nn.Module]

    @nn.compact
    def __call__(self, obs):
        return jnp.concatenate([self.encoders[k](obs[k]) for k in sorted(self.encoders)], axis=-1)


def encoder(plan: Trunk, observations: Observations) -> nn.Module:
    """obs [..., *shape] -> features [..., F]; of observations by name all that a policy may see,

    each by an encoder of its own, one after the other in alphabetical order. Raises `EnvError`.
    """
    if isinstance(observations, dict):
        seen = {k: plan.module(space) for k, space in observations.items() if k not in UNSEEN}
        return _Joined(seen)
    return plan.module(observations)


def features(module: nn.Module, observations: Observations) -> Box:
    """The space of what an encoder gives."""

    def encode(key):
        obs = jax.tree.map(lambda x: jnp.zeros(x.shape), observations)
        return cast(Any, module.init_with_output(key, obs)[0])

    return Box(jax.eval_shape(encode, jax.random.key(0)).shape)


def encoded_policy(module: nn.Module, policy: Net) -> Net:
    """A policy of features, which leaves the encoder below it alone."""

    def init(key, obs):
        params = module.init(jax.random.fold_in(key, 1), obs)
        return {"encoder": params, "policy": policy.init(key, module.apply(params, obs))}

    def apply(params, key, obs):
        seen = jax.lax.stop_gradient(module.apply(params["encoder"], obs))
        return policy.apply(params["policy"], key, seen)

    return Net(init, apply)


def encoded_critics(module: nn.Module, critic: Net, num: int) -> Net:
    """`num` critics of features [E, ...] on one encoder [1, ...].

    Its leading axis is for reductions that choose some members: from one they get that one.
    """
    critics = ensemble(critic, num)

    def init(key, obs, action):
        params = module.init(jax.random.fold_in(key, 1), obs)
        members = critics.init(key, module.apply(params, obs), action)
        return {"critic": members, "encoder": jax.tree.map(lambda x: x[None], params)}

    def apply(params, key, obs, action):
        shared = jax.tree.map(lambda x: x[0], params["encoder"])
        return critics.apply(params["critic"], key, module.apply(shared, obs), action)

    return Net(init, apply)


def tied(params: dict[str, Params]) -> dict[str, Params]:
    """Parameters of such a policy "actor" and such critics "critic", with one encoder."""
    shared = jax.tree.map(lambda x: x[0], params["critic"]["encoder"])
    return {**params, "actor": {**params["actor"], "encoder": shared}}
