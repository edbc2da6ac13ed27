"""What of a policy's parameters learning leaves as it was."""

from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from jaxac.core import Params, frozen

KERNEL = ("rate", "angle", "step", "nu", "theta", "gamma", "b", "c")
"""Names of such leaves."""


@runtime_checkable
class Held(Protocol):
    """Parameters, to whether they stay."""

    def __call__(self, params: Params) -> Any:
        """For each leaf of `params`, whether it stays as it is: the same tree, of bool."""
        ...


@frozen
class Nothing:
    """All of them learn."""

    def __call__(self, params):
        return jax.tree.map(lambda x: np.False_, params)


@frozen
class StateSpaces:
    """What makes the kernels of memories that are state-space systems.

    Those are eigenvalues, step sizes, and what drives and reads states, of `S4D`, `S5` and `LRU`;
    other memories have none, and learn. Source: Bar-David et al. 2023, arXiv:2306.05167.
    """

    def __call__(self, params):
        def stays(path, x):
            return np.bool_(getattr(path[-1], "key", None) in KERNEL)

        return jax.tree_util.tree_map_with_path(stays, params)
