"""Quantile regression DQN (QR-DQN): 200 quantiles of the return.

Source: Dabney et al. 2018, arXiv:1710.10044, Algorithm 1, eq. 9 and 10.
Against `dqn`: the return distribution and its loss. One quantile with `kappa` 0.5 is `dqn` with
`Huber(0.5)` (`pytest tests/algos/off_policy/test_qr_dqn.py`).
Departs from the paper: step size, batch and counts are those of `dqn`.
"""

from typing import Any

from jaxac.algos.off_policy import dqn
from jaxac.core import replace
from jaxac.heads.returns import Quantiles

make = dqn.make


def qr_dqn(**changes: Any) -> dqn.DQN:
    """The published settings (QR-DQN-1) as a `DQN`; `changes` override fields by name."""
    return replace(dqn.DQN(returns=Quantiles(200, 1.0)), **changes)
