"""Networks: flax.linen modules behind frozen plans."""

from jaxac.nets.actor_critic import ActorCritic as ActorCritic
from jaxac.nets.actor_critic import Architecture as Architecture
from jaxac.nets.actor_critic import Network as Network
from jaxac.nets.actor_critic import SharedTrunk as SharedTrunk
from jaxac.nets.actor_critic import TwoTrunks as TwoTrunks
from jaxac.nets.mlp import MLP as MLP
