"""Simple policy optimisation (SPO).

Source: Xie et al. 2024, arXiv:2401.16025, eq. 17 and Algorithm 1.
Against `ppo`: `surrogate=Simple()`. Of endless width it is `ppo` with plain ratios.
`pytest tests/ops/test_surrogates.py` holds it to enumerated actions.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.surrogate import Simple

make = ppo.make


def spo(**changes: Any) -> ppo.PPO:
    """Usual settings as a `ppo.PPO`; `changes` override fields by name."""
    return replace(ppo.PPO(surrogate=Simple()), **changes)
