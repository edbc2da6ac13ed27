"""Stochastic actor-critic (STAC): pessimism by the spread of one step's return.

Source: Özalp 2026, arXiv:2601.00737, Algorithm 1 and its appendices on settings and networks.
Against `sac`: one critic, a Gaussian by maximum likelihood of targets that are numbers,
r + d (mu' - beta s' - alpha log pi'), so that s is the spread of one step; the policy climbs
mu - beta s; dropout and layer normalisation in both networks.
Departs from the paper: targets are clipped nowhere, but the deviation has a floor of 0.001, for
likelihoods have no least value where rewards have no noise; 1,000 random steps in place of 10,000.
The best beta and rates of dropout depend on the task: 0 to 0.5, and 0 or 0.01.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.heads.returns import Gaussian
from jaxac.nets.critic import Plain
from jaxac.nets.normed import Dropout, NormedMLP
from jaxac.ops.reduce import First
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = sac.make


def stac(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    net = Plain(NormedMLP(drop=Dropout(0.01)))
    returns = Gaussian(clip=float("inf"), eps=0.0, floor=1e-3, draw=0.0, caution=0.25)
    base = sac.sac(
        actor=Actor(net=net, reduce=First()),
        critic=Critic(net=net, returns=returns, reduce=First(), num=1),
    )
    return replace(base, **changes)
