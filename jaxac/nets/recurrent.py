"""Policies and values with a memory."""

from collections.abc import Callable
from typing import Any, NamedTuple, cast

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from jaxac.core import Params, Scalar, Static, field, frozen
from jaxac.envs.contract import Box, view
from jaxac.errors import EnvError
from jaxac.nets import mlp
from jaxac.nets.activation import Activation
from jaxac.nets.actor_critic import ENCODER, VALUE_GAIN, VIEWS, Network, legal_only
from jaxac.nets.initialise import Initialiser, orthogonal
from jaxac.nets.memory import GRU, Core, episodes
from jaxac.nets.trunk import Encoder, on_encoder

HIDDEN = field((64,), "widths of the dense layers below the memory", within="[1, inf)")
CORE = field(GRU(), "what remembers")


class _Stem(NamedTuple):
    """A memory of what an encoder makes of observations [..., *space.shape]."""

    encoder: nn.Module
    core: Core
    size: int  # of the encoder's features

    def init(self, key, obs) -> Params:
        key_encoder, key_core = jax.random.split(key)
        encoder = self.encoder.init(key_encoder, obs)
        return {"encoder": encoder, "core": self.core.init(key_core, self.size)}

    def start(self, num_envs: int) -> Any:
        return self.core.start(num_envs, self.size)

    def step(self, params, carry, obs) -> tuple[Array, Any]:
        return self.core.step(params["core"], carry, self._features(params, obs))

    def scan(self, params, carry, obs, reset) -> tuple[Array, Any]:
        return self.core.scan(params["core"], carry, self._features(params, obs), reset)

    def episodes(self, params, obs) -> Array:
        return episodes(self.core, params["core"], self._features(params, obs))

    def _features(self, params, obs):
        return cast(Array, self.encoder.apply(params["encoder"], obs))


class _Value(nn.Module):
    gain: Scalar

    @nn.compact
    def __call__(self, features):
        return nn.Dense(1, kernel_init=orthogonal(self.gain))(features)[..., 0]


@frozen
class Recurrent:
    """Policy and value on one memory, which both see the `policy` view of the observation.

    Its `build` raises `EnvError` for privileged observations: the policy would see them too.
    """

    core: Core = CORE
    hidden: Static[tuple[int, ...]] = HIDDEN
    activation: Activation = mlp.ACTIVATION
    init: Initialiser = mlp.INIT
    value_gain: Scalar = VALUE_GAIN
    encoder: Encoder = ENCODER

    def build(self, head, observation_space):
        if isinstance(observation_space, dict) and "critic" in observation_space:
            raise EnvError(
                "Recurrent has one memory, but the value has observations of its own (critic); "
                "use TwoMemories"
            )
        return _network(self, head, observation_space, VIEWS[:1])


@frozen
class TwoMemories:
    """Memories of one plan for policy and value, each of its own view of the observation."""

    core: Core = CORE
    hidden: Static[tuple[int, ...]] = HIDDEN
    activation: Activation = mlp.ACTIVATION
    init: Initialiser = mlp.INIT
    value_gain: Scalar = VALUE_GAIN
    encoder: Encoder = ENCODER

    def build(self, head, observation_space):
        return _network(self, head, observation_space, VIEWS)


def _network(plan: Recurrent | TwoMemories, head, observation_space, views) -> Network:
    """A network with a memory for each view; the policy is on the first, the value on the last."""
    restrict = legal_only(head, observation_space)
    stems = {name: _stem(plan, view(observation_space, name)) for name in views}
    policy, value = head.layer(), _Value(plan.value_gain)

    def init(key, obs):
        key_policy, key_value, *keys = jax.random.split(key, 2 + len(stems))
        params, outputs = {}, []
        for name, k in zip(stems, keys, strict=True):
            seen = view(obs, name)
            params[name] = stems[name].init(k, seen)
            memory = stems[name].start(jax.tree.leaves(obs)[0].shape[0])
            outputs.append(stems[name].step(params[name], memory, seen)[0])
        policy_params, value_params = (
            module.init(k, y)
            for module, k, y in (
                (policy, key_policy, outputs[0]),
                (value, key_value, outputs[-1]),
            )
        )
        return {**params, "out": policy_params, "value": value_params}

    def start(num_envs):
        return {name: stem.start(num_envs) for name, stem in stems.items()}

    def last(params, obs, outputs):
        out = restrict(cast(Array, policy.apply(params["out"], outputs[0])), obs)
        return out, cast(Array, value.apply(params["value"], outputs[-1]))

    def above(params, obs, remembered: Callable[[str], tuple[Array, Any]]):
        found = {name: remembered(name) for name in stems}
        carry = {name: memory for name, (_, memory) in found.items()}
        return *last(params, obs, [y for y, _ in found.values()]), carry

    def step(params, carry, obs):
        def remembered(name):
            return stems[name].step(params[name], carry[name], view(obs, name))

        return above(params, obs, remembered)

    def scan(params, carry, obs, reset):
        def remembered(name):
            return stems[name].scan(params[name], carry[name], view(obs, name), reset)

        return above(params, obs, remembered)

    def whole(params, obs):
        outputs = [stem.episodes(params[name], view(obs, name)) for name, stem in stems.items()]
        return last(params, obs, outputs)

    return Network(init, start, step, scan, episodes=whole)


def _stem(plan: Recurrent | TwoMemories, space: Box) -> _Stem:
    encoder = on_encoder(plan.encoder, plan.hidden, plan.activation, plan.init, space)
    obs = jnp.zeros((1, *space.shape))
    like = jax.eval_shape(lambda key: encoder.init_with_output(key, obs)[0], jax.random.key(0))
    return _Stem(encoder, plan.core, like.shape[-1])
