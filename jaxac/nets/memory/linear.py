"""Linear recurrences with a diagonal matrix, over all of a sequence at once.

The state is x[t] = a x[t-1] + b[t], complex and element by element, so that it is found in parallel
(`jax.lax.associative_scan`). A reset puts 0 in the place of a: what was before is gone, value and
gradient. That is the operator of Lu et al. 2023, arXiv:2303.03982, section 3, whose flag chooses
between the same two products. Carries hold real and imaginary parts, [..., 2], since checkpoints
and optimisers are of real numbers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float

from jaxac.core import Key, Params
from jaxac.nets.memory.contract import dense, layer, standardised


class Dynamics(NamedTuple):
    """A recurrence of features [..., H] with states [..., *S]."""

    decay: Complex[Array, "*S"]
    """a"""
    drive: Callable[[Float[Array, "... H"]], Any]
    """features -> b [..., *S]"""
    read: Callable[[Any], Float[Array, "... H"]]
    """states [..., *S] -> what comes out, but for `through`"""
    through: Float[Array, " H"]
    """by which features pass the recurrence by"""


def states(
    decay: Complex[Array, "*S"],
    drive: Complex[Array, "T N *S"],
    before: Complex[Array, "N *S"],
    reset: Bool[Array, "T N"],
) -> Complex[Array, "T N *S"]:
    """x[t] = decay x[t-1] + drive[t] from x[-1] = `before`, or from 0 where reset."""
    restart = reset.reshape(reset.shape + (1,) * decay.ndim)
    keep = jnp.where(restart, 0.0, decay)

    def join(early, late):
        return early[0] * late[0], late[0] * early[1] + late[1]

    return jax.lax.associative_scan(join, (keep, drive.at[0].add(keep[0] * before)))[1]


def init_block(key: Key, num_in: int, width: int) -> Params:
    """What stands around a recurrence, in a residual block."""
    key_in, key_gate = jax.random.split(key)
    return {"in": layer(key_in, num_in, width), "gate": layer(key_gate, width, width)}


def step(dynamics: Dynamics, block: Params, carry: Array, x: Array) -> tuple[Array, Array]:
    """`Core.step` of a residual block."""
    skip = dense(block["in"], x)
    features = standardised(skip)
    state = dynamics.decay * whole(carry) + dynamics.drive(features)
    return _out(dynamics.through, block, skip, features, dynamics.read(state)), parts(state)


def scan(
    dynamics: Dynamics, block: Params, carry: Array, xs: Array, reset: Bool[Array, "T N"]
) -> tuple[Array, Array]:
    """`Core.scan` of a residual block, in parallel."""
    skip = dense(block["in"], xs)
    features = standardised(skip)
    found = states(dynamics.decay, dynamics.drive(features), whole(carry), reset)
    return _out(dynamics.through, block, skip, features, dynamics.read(found)), parts(found)


def around(
    system: Callable[[Float[Array, "T N H"]], Float[Array, "T N H"]],
    through: Float[Array, " H"],
    block: Params,
    xs: Array,
) -> Float[Array, "T N H"]:
    """What comes out of a residual block around `system`, of which no state is asked."""
    skip = dense(block["in"], xs)
    features = standardised(skip)
    return _out(through, block, skip, features, system(features))


def parts(z: Complex[Array, "*S"]) -> Float[Array, "*S 2"]:
    """Real and imaginary parts."""
    return jnp.stack([z.real, z.imag], axis=-1)


def whole(x: Float[Array, "*S 2"]) -> Complex[Array, "*S"]:
    """The complex numbers of `parts`."""
    return jax.lax.complex(x[..., 0], x[..., 1])


def _out(through, block, skip, features, read):
    y = jax.nn.gelu(read + through * features)
    return skip + y * jax.nn.sigmoid(dense(block["gate"], y))
