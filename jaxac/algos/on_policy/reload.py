"""ReLOAD: both the policy and the price of a constraint move by extrapolated gradients.

Source: Moskovitz et al. 2023, arXiv:2302.01275 (abstract and table). Plain descent of a policy
against ascent of a multiplier circles about their saddle; gradients 2 g[t] - g[t - 1] reach it.
Against `lagrangian`: `multiplier=Extrapolated()` and an extrapolating optimiser. With `Ascent` and
`Adam` in their slots it is `lagrangian`.
Departs from the paper: on PPO, with Adam behind the extrapolation.
"""

from typing import Any

from jaxac.algos.on_policy import lagrangian
from jaxac.core import replace
from jaxac.ops.multiplier import Extrapolated
from jaxac.ops.optimiser import Extrapolating

make = lagrangian.make


def reload(**changes: Any) -> lagrangian.Lagrangian:
    """Usual settings as a `Lagrangian`; `changes` override fields by name."""
    base = lagrangian.Lagrangian(multiplier=Extrapolated(), optimiser=Extrapolating())
    return replace(base, **changes)
