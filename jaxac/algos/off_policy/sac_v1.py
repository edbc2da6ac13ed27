"""Soft actor-critic as first published (SAC v1): with a network for the value of a state.

Source: Haarnoja et al. 2018, arXiv:1801.01290, Algorithm 1, eq. 5 to 10 and table 1.
Against `sac`: critics are trained towards r + d V'(s'), where V' is the slow copy of a network that
is itself trained towards the mean of  min Q(s, a) - alpha log pi(a|s)  over the policy's actions;
critics have no slow copy, and the temperature is fixed. With that mean in place of the network the
target is that of `sac` (`pytest tests/algos/off_policy/test_sac_v1.py`).
Departs from the paper: alpha stands for its reward scale, of which it is one part (0.2 for 5, its
value for most tasks).
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.ops.backup import LearnedValue
from jaxac.ops.slow import Online
from jaxac.ops.temperature import Fixed
from jaxac.runners.actor_critic import ActorCritic, Critic

make = sac.make


def sac_v1(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = sac.sac(critic=Critic(slow=Online()), backup=LearnedValue(), temperature=Fixed(0.2))
    return replace(base, **changes)
