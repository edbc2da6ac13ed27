"""Slow copies: the parameters that targets are computed with."""

from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import optax

from jaxac.core import Int, Params, Scalar, Static, field, frozen


@runtime_checkable
class Slow(Protocol):
    """A plan of a copy of parameters that follows them."""

    def init(self, params: Params) -> Any:
        """The copy at the beginning; `()` if there is none."""
        ...

    def read(self, copy: Any, params: Params) -> Params:
        """The parameters to compute targets with."""
        ...

    def update(self, copy: Any, params: Params, step: Int) -> Any:
        """The copy after gradient step number `step`, counted from 1."""
        ...


@frozen
class Online:
    """No copy: the parameters themselves."""

    def init(self, params):
        return ()

    def read(self, copy, params):
        return params

    def update(self, copy, params, step):
        return copy


@frozen
class Polyak:
    """A running average, `tau` of it new. Source: Lillicrap et al. 2016, arXiv:1509.02971."""

    tau: Scalar = field(
        0.005, "share of the parameters in the new copy; 1 is no copy", within="[0, 1]"
    )
    every: Static[int] = field(1, "gradient steps between updates", within="[1, inf)")

    def init(self, params):
        return jax.tree.map(jnp.copy, params)

    def read(self, copy, params):
        return copy

    def update(self, copy, params, step):
        tau = self.tau if self.every == 1 else jnp.where(step % self.every == 0, self.tau, 0.0)
        return optax.incremental_update(params, copy, tau)


@frozen
class Hard:
    """The parameters of the last multiple of `every` steps. Source: Mnih et al. 2015 (DQN)."""

    every: Scalar = field(500, "gradient steps between copies", within="[1, inf)")

    def init(self, params):
        return jax.tree.map(jnp.copy, params)

    def read(self, copy, params):
        return copy

    def update(self, copy, params, step):
        now = step % jnp.asarray(self.every, jnp.int32) == 0
        return jax.tree.map(lambda old, new: jnp.where(now, new, old), copy, params)
