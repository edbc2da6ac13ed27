"""Networks: flax.linen modules behind frozen plans."""

from jaxac.nets.actor_critic import ActorCritic as ActorCritic
from jaxac.nets.actor_critic import Architecture as Architecture
from jaxac.nets.actor_critic import Network as Network
from jaxac.nets.actor_critic import SharedTrunk as SharedTrunk
from jaxac.nets.actor_critic import TwoTrunks as TwoTrunks
from jaxac.nets.bronet import BroNet as BroNet
from jaxac.nets.cnn import CNN as CNN
from jaxac.nets.cnn import NATURE as NATURE
from jaxac.nets.cnn import Conv as Conv
from jaxac.nets.hyper import HyperCritic as HyperCritic
from jaxac.nets.mlp import MLP as MLP
from jaxac.nets.normed import NormedMLP as NormedMLP
from jaxac.nets.simba import SimBa as SimBa
from jaxac.nets.trunk import Encoder as Encoder
from jaxac.nets.trunk import Flatten as Flatten
from jaxac.nets.trunk import Trunk as Trunk
