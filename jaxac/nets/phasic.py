"""A policy that can be asked what it knows of the value, beside a critic of its own trunk."""

import flax.linen as nn

from jaxac.core import Scalar, Static, frozen
from jaxac.envs.contract import view
from jaxac.nets import mlp
from jaxac.nets.activation import Activation
from jaxac.nets.actor_critic import ENCODER, VALUE_GAIN, VIEWS, Network, feed_forward
from jaxac.nets.initialise import Initialiser, orthogonal
from jaxac.nets.trunk import Encoder, on_encoder


class _Phasic(nn.Module):
    actor: nn.Module
    critic: nn.Module
    head: nn.Module
    value_gain: Scalar

    def setup(self):
        self.value = nn.Dense(1, kernel_init=orthogonal(self.value_gain))
        self.side = nn.Dense(1, kernel_init=orthogonal(self.value_gain))

    def __call__(self, obs):
        features = self.actor(view(obs, "policy"))
        if self.is_initializing():
            self.side(features)
        return self.head(features), self.value(self.critic(view(obs, "critic")))[..., 0]

    def aside(self, obs):
        return self.side(self.actor(view(obs, "policy")))[..., 0]


@frozen
class Phasic:
    """Separate trunks of one plan, with a second value on the policy's.

    Source: Cobbe et al. 2020, arXiv:2009.04416, section 2.1. Training the second value makes the
    policy's trunk know what the critic knows.
    """

    hidden: Static[tuple[int, ...]] = mlp.HIDDEN
    activation: Activation = mlp.ACTIVATION
    init: Initialiser = mlp.INIT
    value_gain: Scalar = VALUE_GAIN
    encoder: Encoder = ENCODER

    def build(self, head, observation_space) -> Network:
        plan = self.encoder, self.hidden, self.activation, self.init
        actor, critic = (on_encoder(*plan, view(observation_space, name)) for name in VIEWS)
        module = _Phasic(actor, critic, head.layer(), self.value_gain)

        def aside(params, carry, obs, reset):
            del carry, reset
            return module.apply(params, obs, method="aside")

        return feed_forward(module, head, observation_space)._replace(aside=aside)
