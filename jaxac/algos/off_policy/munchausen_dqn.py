"""Munchausen DQN: a soft policy, whose own log-probability of the action taken is paid as reward.

Source: Vieillard et al. 2020, arXiv:2007.14430, eq. 1 and 2, table 1 of the appendix.
Against `dqn`: the bootstrap, and the squared loss of values. Without the bonus and with `tau`
towards 0 it is `dqn` with that loss (`pytest tests/algos/off_policy/test_munchausen_dqn.py`).
Departs from the paper: step size, batch and counts are those of `dqn`. The authors' code (in
github.com/google-research/google-research, munchausen_rl) has Huber's loss.
"""

from typing import Any

from jaxac.algos.off_policy import dqn
from jaxac.core import replace
from jaxac.heads.returns import Value
from jaxac.ops.bootstrap import Munchausen
from jaxac.ops.value_loss import Squared

make = dqn.make


def munchausen_dqn(**changes: Any) -> dqn.DQN:
    """The published settings as a `DQN`; `changes` override fields by name."""
    base = dqn.DQN(bootstrap=Munchausen(0.03, 0.9, -1.0), returns=Value(Squared()))
    return replace(base, **changes)
