"""Curvature-aware policy optimisation (CAPO): no step on samples that it would throw too far.

Source: Melo, Abate & Gal 2025, arXiv:2510.00819, and the authors' code.
Against `ppo`: `screen=Curvature()`. With wide bounds it is `ppo`
(`pytest tests/ops/test_screen.py`).
Departs from the paper: it is of steps and their advantages, where the paper has groups of answers;
what a step moves is modelled by one number (`screen.reach`), not by the last layer's features and
Adam's moments.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.screen import Curvature

make = ppo.make


def capo(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(screen=Curvature()), **changes)
