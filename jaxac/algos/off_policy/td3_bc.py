"""TD3 with behaviour cloning (TD3+BC): the policy climbs the critic and stays near the buffer.

Source: Fujimoto & Gu 2021, arXiv:2106.06860, eq. 3 and 5.
Against `td3`: the policy's objective. The paper trains on a fixed dataset with its observations
standardised; here the buffer may also be filled while learning.
"""

from typing import Any

from jaxac.algos.off_policy import td3
from jaxac.core import replace
from jaxac.ops.objective import ClimbAndClone
from jaxac.runners.actor_critic import ActorCritic

make = td3.make


def td3_bc(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = td3.td3()
    return replace(replace(base, actor=replace(base.actor, objective=ClimbAndClone())), **changes)
