"""S5: one state-space system for all features, diagonalised."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import Static, field, frozen
from jaxac.nets.memory import linear
from jaxac.nets.memory.contract import WIDTH

SLOWEST = -1e-4  # real part of an eigenvalue, at most, so that nothing grows
STEPS = 1e-3, 1e-1  # of discretisation at first: its logarithm is uniform


@frozen
class S5:
    """A state-space system x' = A x + B u, y = C x + D u in a residual block, parallel in time.

    Source: Smith et al. 2022, arXiv:2208.04933: A is the normal part of HiPPO-LegS in the basis of
    its eigenvectors, of which one of each conjugate pair is kept (section 3.2), discretised by
    zero-order hold with a step of each state's own (eq. 6). Resets after Lu et al. 2023,
    arXiv:2303.03982. Departs from them: one block of HiPPO; normalisation has no weights.
    """

    width: Static[int] = WIDTH
    num_states: Static[int] = field(
        32, "complex numbers that are remembered; half the order", within="[1, inf)"
    )

    def init(self, key, num_in):
        keys = jax.random.split(key, 5)
        width, num = self.width, self.num_states
        angle, basis = _hippo(2 * num)
        b = jax.random.normal(keys[0], (width, 2 * num)) / math.sqrt(width)
        c = linear.whole(jax.random.normal(keys[1], (2 * num, width, 2))) / math.sqrt(4 * num)
        low, high = np.log(STEPS)
        return {
            "rate": jnp.full(num, -0.5),
            "angle": jnp.asarray(angle, jnp.float32),
            "step": jax.random.uniform(keys[2], (num,), minval=low, maxval=high),
            "b": linear.parts(b @ jnp.asarray(basis.conj())),
            "c": linear.parts(jnp.asarray(basis.T) @ c),
            "d": jax.random.normal(keys[3], (width,)),
            "block": linear.init_block(keys[4], num_in, width),
        }

    def start(self, num_envs, num_in):
        del num_in
        return jnp.zeros((num_envs, self.num_states, 2))

    def step(self, params, carry, x):
        return linear.step(_dynamics(params), params["block"], carry, x)

    def scan(self, params, carry, xs, reset):
        return linear.scan(_dynamics(params), params["block"], carry, xs, reset)


def held(rate, angle, log_step):
    """Zero-order hold of eigenvalues rate + i angle: the factor of a step, and that of its drive.

    Source: Smith et al. 2022, eq. 6.
    """
    eigenvalue = jax.lax.complex(jnp.minimum(rate, SLOWEST), angle)
    decay = jnp.exp(eigenvalue * jnp.exp(log_step))
    return decay, (decay - 1.0) / eigenvalue


def _dynamics(params):
    decay, gain = held(params["rate"], params["angle"], params["step"])
    b, c = linear.whole(params["b"]) * gain, linear.whole(params["c"])
    return linear.Dynamics(decay, lambda u: u @ b, lambda x: 2.0 * (x @ c).real, params["d"])


def _hippo(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Of HiPPO-LegS' normal part: imaginary parts [n / 2] and eigenvectors [n, n / 2], complex64.

    Found on the host, in double precision. Eigenvalues are -1/2 +- i times the former.
    """
    root = np.sqrt(np.arange(order) + 0.5)
    product = np.outer(root, root)
    skew = np.triu(product, 1) - np.tril(product, -1)
    angle, basis = np.linalg.eigh(-1j * skew)
    return angle[order // 2 :], basis[:, order // 2 :].astype(np.complex64)
