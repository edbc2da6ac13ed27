"""Mirror descent policy optimisation (MDPO), on policy.

Source: Tomar et al. 2020, arXiv:2005.09814, eq. 9, Algorithm 1 and section 5. Each update takes
several gradient steps on

    mean of  ratio A  -  KL(new || old) / t,

whose optimum is the old policy times exp(t A), normalised; t falls linearly.
Against `ppo`: the ratio is not clipped, this penalty, ten epochs. The first gradient step is that
of `ppo` with plain ratios (`pytest tests/algos/on_policy/test_proximity.py`).
Departs from the paper: t ends at 0.01, not 0, where the penalty would have no bound.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.proximity import Mirror
from jaxac.ops.schedule import Linear
from jaxac.ops.surrogate import Ratio

make = ppo.make


def mdpo(**changes: Any) -> ppo.PPO:
    """The published settings as a `ppo.PPO`; `changes` override fields by name."""
    step: Any = Linear(1.0, 0.01)
    base = ppo.PPO(surrogate=Ratio(), proximity=Mirror(step), entropy_coef=0.0, num_epochs=10)
    return replace(base, **changes)
