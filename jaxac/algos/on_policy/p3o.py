"""Pairwise proximal policy optimisation (P3O).

Source: Wu et al. 2023, arXiv:2310.00212, section 4.2 (separate clipping).
Against `ppo`: `surrogate=ClippedPair()`.
Departs from the paper: it is of steps and their advantages, where the paper has whole answers and
their rewards; from the abstract and summaries, without the paper's text; pairs are of a minibatch,
where the paper's answer one prompt; with a critic, which the paper does without.
`pytest tests/ops/test_surrogates.py` holds it to enumerated actions.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.surrogate_pair import ClippedPair

make = ppo.make


def p3o(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=ClippedPair()), **changes)
