"""Linear recurrent units."""

import math

import jax
import jax.numpy as jnp

from jaxac.core import Static, field, frozen
from jaxac.nets.memory import linear
from jaxac.nets.memory.contract import WIDTH

STATES = field(64, "complex numbers that are remembered", within="[1, inf)")


@frozen
class LRU:
    """Linear recurrent units in a residual block, parallel in time.

    Source: Orvieto et al. 2023, arXiv:2303.06349, eq. 5 to 7 and Lemma 3.2: eigenvalues
    exp(-exp(nu) + i exp(theta)), at first uniform on a ring, drives scaled by
    gamma = sqrt(1 - |eigenvalue|^2). Departs from it: normalisation has no weights; GELU and a gate
    as in S5 follow (the paper's own follow another normalisation).
    """

    width: Static[int] = WIDTH
    num_states: Static[int] = STATES
    r_min: Static[float] = field(0.9, "least radius of an eigenvalue at first", within="[0, 1)")
    r_max: Static[float] = field(0.999, "greatest radius at first", within="(0, 1)")
    max_phase: Static[float] = field(
        math.pi / 10, "greatest angle of an eigenvalue at first, rad", within="(0, 6.2831855]"
    )

    def init(self, key, num_in):
        keys = jax.random.split(key, 6)
        width, num = self.width, self.num_states
        share = jax.random.uniform(keys[0], (num,))
        square = self.r_min**2 + share * (self.r_max**2 - self.r_min**2)
        angle = self.max_phase * jax.random.uniform(keys[1], (num,), minval=1e-3)
        return {
            "nu": jnp.log(-0.5 * jnp.log(square)),
            "theta": jnp.log(angle),
            "gamma": 0.5 * jnp.log1p(-square),
            "b": jax.random.normal(keys[2], (width, num, 2)) / math.sqrt(2 * width),
            "c": jax.random.normal(keys[3], (num, width, 2)) / math.sqrt(num),
            "d": jax.random.normal(keys[4], (width,)),
            "block": linear.init_block(keys[5], num_in, width),
        }

    def start(self, num_envs, num_in):
        del num_in
        return jnp.zeros((num_envs, self.num_states, 2))

    def step(self, params, carry, x):
        return linear.step(_dynamics(params), params["block"], carry, x)

    def scan(self, params, carry, xs, reset):
        return linear.scan(_dynamics(params), params["block"], carry, xs, reset)


def _dynamics(params):
    b, c = linear.whole(params["b"]) * jnp.exp(params["gamma"]), linear.whole(params["c"])
    decay = jnp.exp(jax.lax.complex(-jnp.exp(params["nu"]), jnp.exp(params["theta"])))
    return linear.Dynamics(decay, lambda u: u @ b, lambda state: (state @ c).real, params["d"])
