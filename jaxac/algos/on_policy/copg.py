"""Contrastive policy gradient (CoPG).

Source: Flet-Berliac et al. 2024, arXiv:2406.19185, eq. 9.
Against `ppo`: `surrogate=Contrastive()`. Its gradient is that of `rebel` with `surrogate.step` 1 /
`surrogate.weight`.
Departs from the paper: it is of steps and their advantages, where the paper has whole answers and
their rewards; pairs are of a minibatch, where the paper's answer one prompt; the reference is the
policy that acted, which moves with every update; with a critic, which the paper does without.
`pytest tests/ops/test_surrogates.py` holds it to enumerated actions.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.surrogate_pair import Contrastive

make = ppo.make


def copg(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=Contrastive()), **changes)
