"""Distributional soft actor-critic with three refinements (DSAC-T, or DSAC-v2).

Source: Duan et al. 2023, arXiv:2310.05858, section IV and Algorithm 1.
Against `dsac_v1`: the mean goes to the target's mean in place of a drawn return; two critics, and
targets of that with the smaller mean; and each critic's loss is weighed, and its deviation's
target clipped, by running means of its own variance and deviation, so that steps do not depend on
the unit of reward (but for `eps` of the two denominators).
Departs from the authors' code (github.com/Jingliang-Duan/DSAC-v2) as `dsac_v1` does, and where it
follows the paper: squared errors, not Huber's; the weight is one number for a critic, where the
code clips its ratio to a row's own variance.
"""

from typing import Any

from jaxac.algos.off_policy import dsac_v1
from jaxac.core import replace
from jaxac.ops.backup import Adaptive
from jaxac.ops.reduce import Min
from jaxac.runners.actor_critic import ActorCritic

make = dsac_v1.make


def dsac_t(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = dsac_v1.dsac_v1()
    critic = replace(base.critic, num=2, reduce=Min())
    critic = replace(critic, returns=replace(critic.returns, substitute=1.0))
    base = replace(base, actor=replace(base.actor, reduce=Min()), critic=critic, backup=Adaptive())
    return replace(base, **changes)
