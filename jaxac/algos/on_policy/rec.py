"""REINFORCE with one-sided clipping (REC).

Source: Yao et al. 2025, arXiv:2509.24203, and the authors' code (REC-OneSide-NoIS).
Against `ppo`: `surrogate=OneSide()`. Its kin are `Ring`, `Squared` (OPMD), `Shifted` (AsymRE) and
`Reweighed` (RED-Weight).
Departs from the paper: it is of steps and their advantages, where the paper has whole answers and
their rewards.
`pytest tests/ops/test_surrogates.py` holds it to enumerated actions.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.surrogate_score import OneSide

make = ppo.make


def rec(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=OneSide()), **changes)
