"""Randomised ensembled double Q-learning (REDQ).

Source: Chen et al. 2021, arXiv:2101.05982, Algorithm 1, and the authors' code
(github.com/watchernyu/REDQ) for settings (N = 10, M = 2, G = 20).
Against `sac`: ten critics, targets of the least of two drawn for each critic step, a policy that
climbs the mean of all, and twenty critic steps to an environment step and a policy step. Two
critics, one critic step and `Min` for the policy give SAC
(`pytest tests/algos/off_policy/test_redq.py`).
Departs from the code: the target entropy is minus the number of action dimensions, as in `sac`, not
chosen by task as in MBPO.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.ops.reduce import Mean, SubsetMin
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = sac.make


def redq(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = sac.sac(
        actor=Actor(reduce=Mean()),
        critic=Critic(num=10, reduce=SubsetMin(2)),
        critic_steps=20,
        warm_up=5_000,
    )
    return replace(base, **changes)
