"""Balanced policy optimisation with adaptive clipping (BAPO).

Source: Xi et al. 2025, arXiv:2510.18927, Algorithm 1, and the authors' code.
Against `ppo`: `surrogate=Balanced()`. With no share to reach it is `ppo` with the bounds that these
start from.
Departs from the paper: it is of steps and their advantages, where the paper has whole answers and
their rewards; samples that are cut count nothing towards the share, where the code counts their
clipped loss; ten steps of each bound; no third bound for bad actions that have become far more
likely.
`pytest tests/ops/test_surrogates.py` holds it to enumerated actions.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.surrogate_balance import Balanced

make = ppo.make


def bapo(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=Balanced()), **changes)
