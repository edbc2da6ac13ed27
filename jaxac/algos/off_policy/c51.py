"""Categorical DQN (C51): how the return is shared out over 51 values.

Source: Bellemare et al. 2017, arXiv:1707.06887, Algorithm 1 and section 5.
Against `dqn`: the return distribution and its loss, cross-entropy to a projected target.
Departs from the paper: step size, batch and counts are those of `dqn`.
"""

from typing import Any

from jaxac.algos.off_policy import dqn
from jaxac.core import replace
from jaxac.heads.returns import Categorical

make = dqn.make


def c51(**changes: Any) -> dqn.DQN:
    """The published settings as a `DQN`; `changes` override fields by name."""
    return replace(dqn.DQN(returns=Categorical(-10.0, 10.0, 51)), **changes)
