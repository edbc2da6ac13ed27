"""PPO with a bonus for entropy, and a penalty where it leaves the band that it has kept to (EPO).

Source: Xu et al. 2025, arXiv:2509.22576.
Against `ppo`: `entropy=Banded()`. At weight 0 it is `ppo`
(`pytest tests/algos/on_policy/test_epo.py`).
Departs from the paper: the penalty is the distance to the band, where theirs is constant outside
it; its weight is constant, unless a schedule stands in its place; it is of steps, not of tokens.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.entropy_control import Banded

make = ppo.make


def epo(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(entropy=Banded()), **changes)
