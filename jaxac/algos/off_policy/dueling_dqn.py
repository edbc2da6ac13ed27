"""Dueling DQN: a value of the observation and advantages of the actions, trained by Double DQN.

Source: Wang et al. 2016, arXiv:1511.06581, eq. 9 and section 4.2.
Against `dqn`: the network, and Double DQN's bootstrap, which the paper trains with.
Departs from the paper: step size, batch and counts are those of `dqn`; the gradient that enters the
trunk is not scaled by 1 / sqrt(2).
"""

from typing import Any

from jaxac.algos.off_policy import dqn
from jaxac.core import replace
from jaxac.nets.critic import Dueling
from jaxac.ops.bootstrap import Double

make = dqn.make


def dueling_dqn(**changes: Any) -> dqn.DQN:
    """The published settings as a `DQN`; `changes` override fields by name."""
    return replace(dqn.DQN(net=Dueling(), bootstrap=Double()), **changes)
