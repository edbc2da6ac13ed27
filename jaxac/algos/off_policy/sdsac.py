"""Stable discrete soft actor-critic (SDSAC).

Source: Zhou et al. 2022, arXiv:2209.10081, sections 5.1 and 5.2, settings of the authors' code.
Against `sac_discrete`: the policy pays for changes of its entropy since a sample was taken, the
mean of the critics stands where their least did, and a critic's loss is the larger one of its own
and of that with its move from the slow copy clipped. `Free`, `Min` and `Squared` in their slots
give `sac_discrete` (`pytest tests/algos/off_policy/test_sdsac.py`).
Departs from the authors' code: the larger loss is chosen for each sample, as the paper's equation
has it, and not for the batch; the temperature is learned, which is off there by default; a gradient
step to four environment steps, not ten. The penalty is 0.5 of the squared change, as in the code;
the formula of the paper has a half beside that weight.
"""

from typing import Any

from jaxac.algos.off_policy import sac_discrete
from jaxac.core import replace
from jaxac.ops.entropy_penalty import SquaredChange
from jaxac.ops.reduce import Mean
from jaxac.ops.value_loss import ClippedSquared

make = sac_discrete.make


def sdsac(**changes: Any) -> sac_discrete.SACDiscrete:
    """The published settings as a `SACDiscrete`; `changes` override fields by name."""
    base = sac_discrete.SACDiscrete(
        actor=sac_discrete.Actor(reduce=Mean(), penalty=SquaredChange(0.5)),
        critic=sac_discrete.Critic(reduce=Mean(), value_loss=ClippedSquared(0.5)),
    )
    return replace(base, **changes)
