"""Evolution of a trained policy's singular values (ESSA).

Source: Korotyshova et al. 2025, arXiv:2507.04453.
Against `es`: what is searched are the largest singular values of each matrix, all else stays, and
the strategy is CMA-ES. `es.begin(state, params)` gives the policy to begin with.
Departs from the paper: values are of the matrices, not of adapters beside them; the strategy has a
width to each value, without covariances (see `SepCMA`); policies are those of `es`.
"""

from typing import Any

from jaxac.algos.evolution import es
from jaxac.core import replace
from jaxac.ops.strategy import SepCMA
from jaxac.ops.subspace import SingularValues

make = es.make


def essa(**changes: Any) -> es.ES:
    """Usual settings as an `es.ES`; `changes` override fields by name."""
    return replace(es.ES(subspace=SingularValues(), strategy=SepCMA()), **changes)
