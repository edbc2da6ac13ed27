"""Soft actor-critic (SAC) with a learned temperature.

Source: Haarnoja et al. 2018, arXiv:1812.05905, Algorithm 1, eq. 5, 7 and 18.
"""

from typing import Any

from jaxac.core import replace
from jaxac.ops.temperature import Learned
from jaxac.runners import actor_critic

make = actor_critic.make


def sac(**changes: Any) -> actor_critic.ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    return replace(actor_critic.ActorCritic(temperature=Learned()), **changes)
