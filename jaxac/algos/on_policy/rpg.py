"""Regularised policy gradient (RPG).

Source: Zhang et al. 2025, arXiv:2505.17508, Table 1 (unnormalised reverse KL).
Against `ppo`: `surrogate=LessReverseUKL()`, or one of the other three. Of weight 0 it is `ppo` with
plain ratios.
Departs from the paper: it is of steps and their advantages, where the paper has whole answers and
their rewards; the reference is the policy that acted, which moves with every update; no dual clip
of the ratio.
`pytest tests/ops/test_surrogates.py` holds it to enumerated actions.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.surrogate_kl import LessReverseUKL

make = ppo.make


def rpg(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=LessReverseUKL()), **changes)
