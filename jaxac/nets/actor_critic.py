"""Policy and value networks behind one interface, with or without memory."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import flax.linen as nn
from jaxtyping import Array

from jaxac.core import Params, Scalar, Static, field, frozen
from jaxac.heads.contract import Head
from jaxac.nets import mlp
from jaxac.nets.activation import Activation
from jaxac.nets.initialise import Initialiser, orthogonal
from jaxac.nets.mlp import MLP

VALUE_GAIN = field(1.0, "gain of the value's last layer", within="[0, inf)")


class Network(NamedTuple):
    """Pure functions of a policy and value network.

    A network with memory carries it from step to step; `step` and `scan` agree. One without has the
    carry `()`.
    """

    init: Callable[[Any, Array], Params]
    """`init(key, obs) -> params` for obs [N, ...]"""
    start: Callable[[int], Any]
    """`start(num_envs) -> carry`: the memory before an episode, zeros [N, ...]"""
    step: Callable[[Params, Any, Array], tuple[Array, Array, Any]]
    """`step(params, carry, obs) -> out, value, carry` for obs [..., *obs_shape]"""
    scan: Callable[[Params, Any, Array, Array], tuple[Array, Array, Any]]
    """`scan(params, carry, obs, reset) -> out, value, carries` for obs [T, N, ...]; memory restarts
    before step t where reset [T, N]; carries [T, N, ...] are the memories after each step."""


@runtime_checkable
class Architecture(Protocol):
    """A plan of a network."""

    def build(self, head: Head, obs_ndim: int) -> Network:
        """The network for a head, and observations with `obs_ndim` axes."""
        ...


def feed_forward(module: nn.Module) -> Network:
    """A network without memory from a linen module `obs -> out, value`."""

    def step(params, carry, obs):
        out, value = cast(tuple[Array, Array], module.apply(params, obs))
        return out, value, carry

    def scan(params, carry, obs, reset):
        del reset
        return step(params, carry, obs)

    return Network(module.init, lambda num_envs: (), step, scan)


class _Separate(nn.Module):
    actor: nn.Module
    critic: nn.Module
    head: nn.Module
    value_gain: Scalar

    @nn.compact
    def __call__(self, obs):
        value = nn.Dense(1, kernel_init=orthogonal(self.value_gain), name="value")(self.critic(obs))
        return self.head(self.actor(obs)), value[..., 0]


class _Shared(nn.Module):
    trunk: nn.Module
    head: nn.Module
    value_gain: Scalar

    @nn.compact
    def __call__(self, obs):
        features = self.trunk(obs)
        value = nn.Dense(1, kernel_init=orthogonal(self.value_gain), name="value")(features)
        return self.head(features), value[..., 0]


@frozen
class ActorCritic:
    """Separate trunks of one shape for policy and value.

    Andrychowicz et al. 2021, arXiv:2006.05990, section 3.2, find it better than a shared trunk.
    """

    hidden: Static[tuple[int, ...]] = mlp.HIDDEN
    activation: Activation = mlp.ACTIVATION
    init: Initialiser = mlp.INIT
    value_gain: Scalar = VALUE_GAIN

    def build(self, head, obs_ndim):
        trunk = MLP(self.hidden, self.activation, self.init)
        return TwoTrunks(trunk, trunk, self.value_gain).build(head, obs_ndim)


@frozen
class TwoTrunks:
    """Separate trunks for policy and value, each with its own shape."""

    actor: MLP = field(MLP(), "the policy's trunk")
    critic: MLP = field(MLP(), "the value's trunk")
    value_gain: Scalar = VALUE_GAIN

    def build(self, head, obs_ndim):
        actor, critic = self.actor.module(obs_ndim), self.critic.module(obs_ndim)
        return feed_forward(_Separate(actor, critic, head.layer(), self.value_gain))


@frozen
class SharedTrunk:
    """One trunk under policy and value."""

    hidden: Static[tuple[int, ...]] = mlp.HIDDEN
    activation: Activation = mlp.ACTIVATION
    init: Initialiser = mlp.INIT
    value_gain: Scalar = VALUE_GAIN

    def build(self, head, obs_ndim):
        trunk = MLP(self.hidden, self.activation, self.init).module(obs_ndim)
        return feed_forward(_Shared(trunk, head.layer(), self.value_gain))
