"""Schedules: values that change while a run trains.

One may stand wherever a number may: `learning_rate=Linear(3e-4, 0.0)` anneals the step size,
`surrogate.low=Linear(0.2, 0.0)` the clip range. `progress` is env steps over `total_steps`, in
[0, 1]; past the end the last value holds. The protocol is `jaxac.core.Schedule`.
"""

import jax.numpy as jnp

from jaxac.core import Scalar, field, frozen


@frozen
class Linear:
    """A straight line from `start` to `end`, which it may reach before training ends."""

    start: Scalar = field(1.0, "value when training begins")
    end: Scalar = field(0.0, "value when training ends")
    until: Scalar = field(1.0, "share of training after which it stays", within="(0, 1]")

    def value_at(self, progress):
        return self.start + jnp.clip(progress / self.until, 0.0, 1.0) * (self.end - self.start)


@frozen
class Cosine:
    """Half a cosine wave. Source: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5."""

    start: Scalar = field(1.0, "value when training begins")
    end: Scalar = field(0.0, "value when training ends")

    def value_at(self, progress):
        share = 0.5 * (1.0 - jnp.cos(jnp.pi * jnp.clip(progress, 0.0, 1.0)))
        return self.start + share * (self.end - self.start)
