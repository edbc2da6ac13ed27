"""Annealed Q-learning by an expectile loss (AQ-L).

Source: Omura et al. 2025, arXiv:2506.05968.
Against `sac`: errors of the critics count more where the target is above the prediction, less and
less so until training ends. Over the policy's actions the critics first learn about the best one
(the Bellman optimality operator), in the end their mean (the Bellman operator). Asymmetry 0.5
gives `sac` bit for bit (`pytest tests/algos/off_policy/test_aq_l.py`).
`annealed(td3())` is the same of TD3.
The asymmetry falls in a straight line to the end of training, from 0.9, the best beginning of those
that the paper tries (0.7 to 0.95).
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.heads.returns import Value
from jaxac.ops.schedule import Linear
from jaxac.ops.value_loss import Expectile
from jaxac.runners.actor_critic import ActorCritic

make = sac.make


def annealed(base: ActorCritic) -> ActorCritic:
    """`base` with critics of values by an expectile loss that ends as the squared error."""
    returns = Value(replace(Expectile(), asymmetry=Linear(0.9, 0.5)))
    return replace(base, critic=replace(base.critic, returns=returns))


def aq_l(**changes: Any) -> ActorCritic:
    """The settings on SAC as an `ActorCritic`; `changes` override fields by name."""
    return replace(annealed(sac.sac()), **changes)
