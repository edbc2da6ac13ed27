"""DroQ: soft actor-critic whose two critics are regularised by dropout.

Source: Hiraoka et al. 2022, arXiv:2110.02034, figure 1, Algorithm 2 and table 4.
Against `sac`: dropout and layer normalisation in the critics, in targets too; the policy climbs the
mean of the critics; twenty critic steps to an environment step and a policy step. No dropout, no
normalisation, `Min` for the policy and one critic step give SAC
(`pytest tests/algos/off_policy/test_droq.py`).
Departs from the paper: one dropout rate, 0.01, not 0.0001 to 0.1 by task; the target entropy is
minus the number of action dimensions, as in `sac`, not chosen by task as in MBPO.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.nets.critic import Plain
from jaxac.nets.normed import Dropout, NormedMLP
from jaxac.ops.reduce import Mean
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = sac.make


def droq(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = sac.sac(
        actor=Actor(reduce=Mean()),
        critic=Critic(net=Plain(NormedMLP(drop=Dropout(0.01)))),
        critic_steps=20,
        warm_up=5_000,
    )
    return replace(base, **changes)
