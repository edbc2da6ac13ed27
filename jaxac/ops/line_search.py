"""Line searches: how much of a step is taken."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxac.core import Scalar, Static, field, frozen


@runtime_checkable
class LineSearch(Protocol):
    """Which share of a step is taken."""

    def __call__(self, accepts: Callable[[Float[Array, ""]], Bool[Array, ""]]) -> Float[Array, ""]:
        """A share, from 0 to 1; one that `accepts` said yes to, or 0, where it is asked."""
        ...


@frozen
class Whole:
    """All of it, unasked."""

    def __call__(self, accepts):
        return jnp.ones(())


@frozen
class Backtrack:
    """The largest accepted one of 1, `decay`, `decay`^2, ...; 0 if `num` of them were refused.

    Source: Schulman et al. 2015, arXiv:1502.05477, appendix C.
    """

    decay: Scalar = field(0.8, "each share over the one before", within="(0, 1)")
    num: Static[int] = field(10, "shares that are tried", within="[1, inf)")

    def __call__(self, accepts):
        def refused(tried):
            count, share = tried
            return (count < self.num) & ~accepts(share)

        def shorter(tried):
            count, share = tried
            return count + 1, share * self.decay

        count, share = jax.lax.while_loop(refused, shorter, (jnp.int32(0), jnp.ones(())))
        return jnp.where(count < self.num, share, 0.0)
