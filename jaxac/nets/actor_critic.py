"""Policy and value networks behind one interface, with or without memory."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, cast, runtime_checkable

import flax.linen as nn
from jaxtyping import Array

from jaxac.core import Params, Scalar, Static, field, frozen
from jaxac.envs.contract import Observations, view
from jaxac.errors import EnvError
from jaxac.heads.contract import Head, Maskable
from jaxac.nets import mlp
from jaxac.nets.activation import Activation
from jaxac.nets.initialise import Initialiser, orthogonal
from jaxac.nets.mlp import MLP
from jaxac.nets.trunk import Encoder, Flatten, Trunk, on_encoder

VALUE_GAIN = field(1.0, "gain of the value's last layer", within="[0, inf)")
VIEWS = ("policy", "critic")
ENCODER = field(Flatten(), "what stands below the hidden layers")


class Network(NamedTuple):
    """Pure functions of a policy and value network.

    A network with memory carries it from step to step; `step` and `scan` agree. One without has the
    carry `()`. An observation is an array or a dict of arrays, as the environment gives it.
    """

    init: Callable[[Any, Any], Params]
    """`init(key, obs) -> params` for obs [N, ...]"""
    start: Callable[[int], Any]
    """`start(num_envs) -> carry`: the memory before an episode, zeros [N, ...]"""
    step: Callable[[Params, Any, Any], tuple[Array, Array, Any]]
    """`step(params, carry, obs) -> out, value, carry` for obs [..., *obs_shape]"""
    scan: Callable[[Params, Any, Any, Array], tuple[Array, Array, Any]]
    """`scan(params, carry, obs, reset) -> out, value, carries` for obs [T, N, ...]; memory restarts
    before step t where reset [T, N]; carries [T, N, ...] are the memories after each step."""
    refresh: Callable[[Params, Any], Any] = lambda params, carry: carry
    """`refresh(params, carry) -> carry`: the memory [N, ...] that an update of the parameters
    leaves; as it is, unless the network says otherwise."""
    aside: Callable[[Params, Any, Any, Array], Array] | None = None
    """`aside(params, carry, obs, reset) -> value` [T, N]: what the policy's own trunk says of the
    value, for architectures that ask it."""
    episodes: Callable[[Params, Any], tuple[Array, Array]] | None = None
    """`episodes(params, obs) -> out, value` of whole episodes [T, N, ...], each from its first
    step: `scan` without carry and resets, by convolution where memories are one."""


@runtime_checkable
class Architecture(Protocol):
    """A plan of a network."""

    def build(self, head: Head, observation_space: Observations) -> Network:
        """The network for a head and the environment's observations.

        Raises `EnvError` if they do not fit.
        """
        ...


def feed_forward(module: nn.Module, head: Head, observation_space: Observations) -> Network:
    """A network without memory from a linen module `obs -> out, value`; `legal_only` applies."""
    restrict = legal_only(head, observation_space)

    def step(params, carry, obs):
        out, value = cast(tuple[Array, Array], module.apply(params, obs))
        return restrict(out, obs), value, carry

    def scan(params, carry, obs, reset):
        del reset
        return step(params, carry, obs)

    return Network(module.init, lambda num_envs: (), step, scan)


def legal_only(head: Head, observation_space: Observations) -> Callable[[Array, Any], Array]:
    """`restrict(out, obs) -> out`, which rules out what an observation's `action_mask` forbids.

    Source: Huang & Ontanon 2022, arXiv:2006.14171. Without a mask it changes nothing. Raises
    `EnvError` for a head that has no legal actions, or a mask that is not bool [n].
    """
    if not isinstance(observation_space, dict) or "action_mask" not in observation_space:
        return lambda out, obs: out
    mask = observation_space["action_mask"]
    if not isinstance(head, Maskable):
        raise EnvError(
            f"the observation has an action_mask, which marks legal discrete actions, but the "
            f"policy's head is {type(head).__name__}; drop the mask or use Discrete actions"
        )
    if mask.dtype != "bool" or mask.shape != (head.num_actions,):
        raise EnvError(
            f"action_mask is {mask}; for {head.num_actions} actions it must be "
            f'Box(({head.num_actions},), 0, 1, "bool")'
        )
    return lambda out, obs: head.mask(out, obs["action_mask"])


class _Separate(nn.Module):
    actor: nn.Module
    critic: nn.Module
    head: nn.Module
    value_gain: Scalar

    @nn.compact
    def __call__(self, obs):
        features = self.critic(view(obs, "critic"))
        value = nn.Dense(1, kernel_init=orthogonal(self.value_gain), name="value")(features)
        return self.head(self.actor(view(obs, "policy"))), value[..., 0]


class _Shared(nn.Module):
    trunk: nn.Module
    head: nn.Module
    value_gain: Scalar

    @nn.compact
    def __call__(self, obs):
        features = self.trunk(view(obs, "policy"))
        value = nn.Dense(1, kernel_init=orthogonal(self.value_gain), name="value")(features)
        return self.head(features), value[..., 0]


@frozen
class ActorCritic:
    """Separate trunks of one plan for policy and value, each on its own view of the observation.

    Andrychowicz et al. 2021, arXiv:2006.05990, section 3.2, find it better than a shared trunk.
    """

    hidden: Static[tuple[int, ...]] = mlp.HIDDEN
    activation: Activation = mlp.ACTIVATION
    init: Initialiser = mlp.INIT
    value_gain: Scalar = VALUE_GAIN
    encoder: Encoder = ENCODER

    def build(self, head, observation_space):
        plan = self.encoder, self.hidden, self.activation, self.init
        actor, critic = (on_encoder(*plan, view(observation_space, name)) for name in VIEWS)
        module = _Separate(actor, critic, head.layer(), self.value_gain)
        return feed_forward(module, head, observation_space)


@frozen
class TwoTrunks:
    """Separate trunks for policy and value, each with its own plan.

    With privileged observations this is the asymmetric actor-critic of Pinto et al. 2017,
    arXiv:1710.06542: the value alone sees the `critic` view.
    """

    actor: Trunk = field(MLP(), "the policy's trunk")
    critic: Trunk = field(MLP(), "the value's trunk")
    value_gain: Scalar = VALUE_GAIN

    def build(self, head, observation_space):
        actor = self.actor.module(view(observation_space, "policy"))
        critic = self.critic.module(view(observation_space, "critic"))
        module = _Separate(actor, critic, head.layer(), self.value_gain)
        return feed_forward(module, head, observation_space)


@frozen
class SharedTrunk:
    """One trunk under policy and value, which both see the `policy` view.

    Its `build` raises `EnvError` for privileged observations: the policy would see them too.
    """

    hidden: Static[tuple[int, ...]] = mlp.HIDDEN
    activation: Activation = mlp.ACTIVATION
    init: Initialiser = mlp.INIT
    value_gain: Scalar = VALUE_GAIN
    encoder: Encoder = ENCODER

    def build(self, head, observation_space):
        if isinstance(observation_space, dict) and "critic" in observation_space:
            raise EnvError(
                "SharedTrunk has one trunk, but the value has observations of its own (critic); "
                "use ActorCritic or TwoTrunks"
            )
        space = view(observation_space, "policy")
        trunk = on_encoder(self.encoder, self.hidden, self.activation, self.init, space)
        module = _Shared(trunk, head.layer(), self.value_gain)
        return feed_forward(module, head, observation_space)
