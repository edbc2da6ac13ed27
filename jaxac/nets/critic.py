"""Networks of off-policy agents: policies, and ensembles of critics."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.core import Key, Params, Static, field, frozen
from jaxac.envs.contract import Box, Observations, view
from jaxac.heads.reparameterised import Reparameterised
from jaxac.heads.returns import Returns
from jaxac.nets.activation import ReLU
from jaxac.nets.initialise import Lecun
from jaxac.nets.layer import Dense, Layer
from jaxac.nets.mlp import MLP
from jaxac.nets.trunk import Trunk, flat

TRUNK = field(MLP((256, 256), ReLU(), Lecun()), "all layers but the last")


class Net(NamedTuple):
    """Pure functions of a network; `key` feeds what it draws (dropout, noise), if anything."""

    init: Callable[..., Params]
    """`init(key, *inputs) -> params`"""
    apply: Callable[..., Array]
    """`apply(params, key, *inputs) -> out`; nothing is drawn with the key None."""


@runtime_checkable
class PolicyNet(Protocol):
    """A plan of a policy's network."""

    def policy(self, space: Box, head: Reparameterised) -> nn.Module:
        """obs [..., *space.shape] -> out [..., head.num_outputs]. Raises `EnvError`."""
        ...


@runtime_checkable
class CriticNet(Protocol):
    """A plan of a critic of an observation and an action."""

    def critic(self, space: Box, action_size: int, returns: Returns) -> nn.Module:
        """obs [..., *space.shape], action [..., action_size] -> out [..., K]. Raises `EnvError`."""
        ...


@runtime_checkable
class ValuesNet(Protocol):
    """A plan of a critic of an observation and every action of a few."""

    def values(self, space: Box, num_actions: int, returns: Returns) -> nn.Module:
        """obs [..., *space.shape] -> out [..., num_actions, K]. Raises `EnvError`."""
        ...


@frozen
class Plain:
    """A trunk and the head's layer; a critic's trunk sees the observation beside the action."""

    trunk: Trunk = TRUNK

    def policy(self, space, head):
        return nn.Sequential([self.trunk.module(space), head.layer()])

    def critic(self, space, action_size, returns):
        joint = self.trunk.module(Box((space.size + action_size,)))
        return _Joint(len(space.shape), joint, returns.layer(1))

    def values(self, space, num_actions, returns):
        return nn.Sequential([self.trunk.module(space), returns.layer(num_actions)])


@frozen
class Dueling:
    """A value of the observation and advantages of the actions, less their mean.

    Source: Wang et al. 2016, arXiv:1511.06581, eq. 9. Each has a layer of its own before the last,
    of the kind of the distributions' last layer, on one trunk.
    """

    trunk: Trunk = field(MLP((256,), ReLU(), Lecun()), "the layers that both share")
    width: Static[int] = field(256, "of each one's own layer", within="[1, inf)")
    layer: Layer = field(Dense(Lecun()), "each one's own layer")

    def values(self, space, num_actions, returns):
        heads = returns.layer(1), returns.layer(num_actions)
        return _Dueling(self.trunk.module(space), self.layer, self.width, heads)


class _Dueling(nn.Module):
    trunk: nn.Module
    layer: Layer
    width: int
    heads: tuple[nn.Module, nn.Module]

    @nn.compact
    def __call__(self, obs):
        x = self.trunk(obs)
        value, advantage = (head(nn.relu(self.layer(self.width)(x))) for head in self.heads)
        return value + advantage - advantage.mean(-2, keepdims=True)


class _Joint(nn.Module):
    ndim: int
    trunk: nn.Module
    head: nn.Module

    @nn.compact
    def __call__(self, obs, action):
        obs = flat(jnp.asarray(obs, jnp.float32), self.ndim)
        return self.head(self.trunk(jnp.concatenate([obs, action], axis=-1)))[..., 0, :]


def policy(plan: PolicyNet, observations: Observations, head: Reparameterised) -> Net:
    """The network of a policy, which sees the `policy` view."""
    return net(plan.policy(view(observations, "policy"), head), "policy")


def values(plan: ValuesNet, observations: Observations, num_actions: int, returns: Returns) -> Net:
    """The network of all actions' values, which sees the `policy` view."""
    return net(plan.values(view(observations, "policy"), num_actions, returns), "policy")


def critics(
    plan: CriticNet, observations: Observations, action_size: int, returns: Returns, num: int
) -> Net:
    """`num` critics of one plan with parameters of their own, [E, ...]; they see `critic`.

    `apply` gives [E, B, K] of as many as the parameters are of.
    """
    return ensemble(
        net(plan.critic(view(observations, "critic"), action_size, returns), "critic"), num
    )


def values_critics(
    plan: ValuesNet, observations: Observations, num_actions: int, returns: Returns, num: int
) -> Net:
    """`num` critics of all actions with parameters of their own, [E, ...]; they see `critic`.

    `apply` gives [E, B, num_actions, K] of as many as the parameters are of.
    """
    return ensemble(
        net(plan.values(view(observations, "critic"), num_actions, returns), "critic"), num
    )


def ensemble(one: Net, num: int) -> Net:
    """`num` networks of one plan with parameters and draws of their own, [E, ...]."""

    def init(key, *inputs):
        return jax.vmap(lambda key: one.init(key, *inputs))(jax.random.split(key, num))

    def apply(params, key, *inputs):
        if key is None:
            return jax.vmap(lambda params: one.apply(params, None, *inputs))(params)
        keys = jax.random.split(key, jax.tree.leaves(params)[0].shape[0])
        return jax.vmap(lambda params, key: one.apply(params, key, *inputs))(params, keys)

    return Net(init, apply)


def net(module: nn.Module, name: str) -> Net:
    """A module as pure functions; of an observation by name it is shown the view `name`."""

    def init(key: Key, obs: Any, *rest):
        key_params, key_noise = jax.random.split(key)
        rngs: Any = {"params": key_params, "noise": key_noise}
        return module.init(rngs, view(obs, name), *rest)

    def apply(params: Params, key: Key | None, obs: Any, *rest):
        rngs: Any = None if key is None else {"noise": key}
        return cast(Array, module.apply(params, view(obs, name), *rest, rngs=rngs))

    return Net(init, apply)
