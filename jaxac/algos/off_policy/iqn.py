"""Implicit quantile networks (IQN): DQN that is asked for quantiles at fractions drawn at random.

Source: Dabney et al. 2018, arXiv:1806.06923, eq. 3 and 4, Algorithm 1.
Against `dqn`: the return distribution and its loss; one layer moves from the trunk behind the
product with the fraction's embedding. As many fractions as middles of equal shares give the loss of
`qr_dqn` (`pytest tests/algos/off_policy/test_iqn.py`).
Departs from the paper: the next action is chosen by the target's own quantiles, and a network
without noise acts by 64 evenly spaced ones, both in place of 32 more draws; step size, batch and
counts are those of `dqn`.
"""

from typing import Any

from jaxac.algos.off_policy import dqn
from jaxac.core import replace
from jaxac.heads.returns import Implicit
from jaxac.nets import MLP
from jaxac.nets.activation import ReLU
from jaxac.nets.critic import Plain
from jaxac.nets.initialise import Lecun

make = dqn.make


def iqn(**changes: Any) -> dqn.DQN:
    """The published settings as a `DQN`; `changes` override fields by name."""
    base = dqn.DQN(net=Plain(MLP((256,), ReLU(), Lecun())), returns=Implicit())
    return replace(base, **changes)
