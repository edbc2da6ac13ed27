"""Band-limited soft actor-critic (BL-SAC): targets of a critic without its fine detail.

Source: Campo et al. 2020, arXiv:2006.11431.
Against `sac`: where a target asks the slow critic for an action's value, it gets the mean over
actions close by, a convolution with a Gaussian, so that critics learn coarse features first. Width
0 gives `sac` (`pytest tests/algos/off_policy/test_bl_sac.py`).
Departs from the paper: the filter's shape, its width, and that it is sampled in pairs of opposite
offsets are choices of ours; it follows the minimum over critics.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.ops.backup import BandLimited
from jaxac.runners.actor_critic import ActorCritic

make = sac.make


def bl_sac(**changes: Any) -> ActorCritic:
    """The settings as an `ActorCritic`; `changes` override fields by name."""
    return replace(sac.sac(backup=BandLimited()), **changes)
