"""What of a network's parameters a search moves, and what stays."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxac.core import Params, Static, field, frozen
from jaxac.nets.initialise import gram_schmidt


@runtime_checkable
class Subspace(Protocol):
    """Parameters in two parts; `join(*split(params))` are those parameters."""

    def split(self, params: Params) -> tuple[Any, Any]:
        """What stays, and what is searched, both pytrees."""
        ...

    def join(self, fixed: Any, searched: Any) -> Params:
        """The parameters."""
        ...


@frozen
class Everything:
    """All of them."""

    def split(self, params):
        return (), params

    def join(self, fixed, searched):
        return searched


@frozen
class SingularValues:
    """The largest singular values of each matrix; its singular vectors and all else stay.

    A matrix U diag(s) V' + rest is moved by s alone, so a search has `rank` numbers to a layer.
    They are found by iteration: where values are close to each other, as those of an orthogonal
    matrix are, U and V span what they and their neighbours do. A matrix of zeros cannot be moved.

    Source: Korotyshova et al. 2025, arXiv:2507.04453 (ESSA). Departs: values are of the matrix, not
    of a low-rank adapter beside it.
    """

    rank: Static[int] = field(4, "singular values of each matrix", within="[1, inf)")
    num_rounds: Static[int] = field(50, "of the iteration that finds them", within="[1, inf)")

    def split(self, params):
        leaves, tree = jax.tree.flatten(params)
        found = {i: self._largest(w) for i, w in enumerate(leaves) if w.ndim == 2}
        rest = [w - _product(*found[i]) if i in found else w for i, w in enumerate(leaves)]
        vectors = [(left, right) for left, _, right in found.values()]
        return (tree.unflatten(rest), vectors), [values for _, values, _ in found.values()]

    def join(self, fixed, searched):
        rest, vectors = fixed
        leaves, tree = jax.tree.flatten(rest)
        moved = [_product(u, s, v) for (u, v), s in zip(vectors, searched, strict=True)]
        parts = iter(moved)
        return tree.unflatten([w + next(parts) if w.ndim == 2 else w for w in leaves])

    def _largest(self, w: Float[Array, "m n"]):
        """Left vectors [m, r], values [r] and right vectors [n, r], by subspace iteration."""
        rank = min(self.rank, *w.shape)
        # Without what is added, matrices of lower rank would leave columns without a direction.
        shift = 1e-6 * jnp.square(w).sum() + 1e-12

        def closer(_, left):
            return gram_schmidt(w @ (w.T @ left) + shift * left)

        start = gram_schmidt(jax.random.normal(jax.random.key(0), (w.shape[0], rank)))
        left = jax.lax.fori_loop(0, self.num_rounds, closer, start)
        scaled = w.T @ left
        values = jnp.linalg.norm(scaled, axis=0)
        return left, values, scaled / jnp.where(values > 0.0, values, 1.0)


def _product(left: Array, values: Array, right: Array) -> Array:
    return (left * values) @ right.T
