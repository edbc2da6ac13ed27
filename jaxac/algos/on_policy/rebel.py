"""REBEL: regression on relative rewards.

Source: Gao et al. 2024, arXiv:2404.16767, Algorithm 1.
Against `ppo`: `surrogate=Relative()`.
Departs from the paper: it is of steps and their advantages, where the paper has whole answers and
their rewards; pairs are of a minibatch, where the paper's answer one prompt; with a critic, which
the paper does without.
`pytest tests/ops/test_surrogates.py` holds it to enumerated actions.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.surrogate_pair import Relative

make = ppo.make


def rebel(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=Relative()), **changes)
