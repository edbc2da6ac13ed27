"""Double DQN: the values now choose the next action, the slow copy says what it is worth.

Source: van Hasselt et al. 2016, arXiv:1509.06461, eq. 4.
Against `dqn`: the bootstrap. Without a slow copy (`Online`) the two are one.
Departs from the paper: step size, batch and counts are those of `dqn`.
"""

from typing import Any

from jaxac.algos.off_policy import dqn
from jaxac.core import replace
from jaxac.ops.bootstrap import Double

make = dqn.make


def double_dqn(**changes: Any) -> dqn.DQN:
    """The published settings as a `DQN`; `changes` override fields by name."""
    return replace(dqn.DQN(bootstrap=Double()), **changes)
