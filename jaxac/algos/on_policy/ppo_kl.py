"""PPO with a penalty on the KL in place of clipping, adapted to reach a target.

Source: Schulman et al. 2017, arXiv:1707.06347, section 4, "Adaptive KL Penalty Coefficient".
Against `ppo`: the ratio is not clipped; the KL to the policy that acted costs what has kept
updates near `proximity.target`. At no cost it is `ppo` with plain ratios
(`pytest tests/algos/on_policy/test_proximity.py`).
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.proximity import Adaptive
from jaxac.ops.surrogate import Ratio

make = ppo.make


def ppo_kl(**changes: Any) -> ppo.PPO:
    """The published settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=Ratio(), proximity=Adaptive()), **changes)
