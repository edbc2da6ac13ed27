"""TD3 whose critics' weights on the action are made from the observation (HypeRL).

Source: Sarafian et al. 2021, arXiv:2106.06842, sections 3 and 4, and the authors' code
(github.com/keynans/HypeRL).
Against `td3`: critics that are hypernetworks (`nets.hyper`), with a smaller step size. The policy
follows the gradient of the small network of the action.
"""

from typing import Any

from jaxac.algos.off_policy import td3
from jaxac.core import replace
from jaxac.nets.hyper import HyperCritic
from jaxac.runners.actor_critic import ActorCritic

make = td3.make


def hyper_critic(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = td3.td3()
    critic = replace(base.critic, net=HyperCritic(), learning_rate=5e-5)
    return replace(replace(base, critic=critic), **changes)
