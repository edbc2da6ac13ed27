"""S4D: a small diagonal state-space system for each feature, which is also a convolution."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxac.core import Params, Static, field, frozen
from jaxac.nets.memory import linear
from jaxac.nets.memory.contract import WIDTH
from jaxac.nets.memory.s5 import STEPS, held


@frozen
class S4D:
    """A state-space system for each feature, in a residual block that mixes them.

    Source: Gu et al. 2022, arXiv:2206.11893: eigenvalues -1/2 + i pi n at first (S4D-Lin),
    zero-order hold, kernels of eq. 6. Departs from it: rates are bounded, not exponentials of
    parameters; the input matrix is 1, which the output matrix makes up for.
    """

    width: Static[int] = WIDTH
    num_states: Static[int] = field(
        16, "complex numbers that are remembered of each feature", within="[1, inf)"
    )

    def init(self, key, num_in):
        keys = jax.random.split(key, 4)
        shape = self.width, self.num_states
        low, high = np.log(STEPS)
        return {
            "rate": jnp.full(shape, -0.5),
            "angle": jnp.broadcast_to(jnp.pi * jnp.arange(shape[1]), shape),
            "step": jax.random.uniform(keys[0], (shape[0], 1), minval=low, maxval=high),
            "c": jax.random.normal(keys[1], (*shape, 2)) * np.sqrt(0.5),
            "d": jax.random.normal(keys[2], shape[:1]),
            "block": linear.init_block(keys[3], num_in, self.width),
        }

    def start(self, num_envs, num_in):
        del num_in
        return jnp.zeros((num_envs, self.width, self.num_states, 2))

    def step(self, params, carry, x):
        return linear.step(_dynamics(params), params["block"], carry, x)

    def scan(self, params, carry, xs, reset):
        return linear.scan(_dynamics(params), params["block"], carry, xs, reset)

    def convolve(self, params, xs):
        answer = kernel(params, xs.shape[0])
        return linear.around(lambda u: convolved(answer, u), params["d"], params["block"], xs)


def kernel(params: Params, length: int) -> Float[Array, "T H"]:
    """What a feature of 1 adds to the output of its own system t steps later (eq. 6)."""
    decay, gain = held(params["rate"], params["angle"], params["step"])
    powers = decay ** jnp.arange(length)[:, None, None]
    return 2.0 * (linear.whole(params["c"]) * gain * powers).sum(-1).real


def convolved(kernel: Float[Array, "T H"], features: Float[Array, "T N H"]) -> Array:
    """The sum over s <= t of kernel[t - s] features[s], by fast Fourier transforms [T, N, H]."""
    length = features.shape[0]
    over = 2 * length
    spectrum = jnp.fft.rfft(features, over, axis=0) * jnp.fft.rfft(kernel, over, axis=0)[:, None]
    return jnp.fft.irfft(spectrum, over, axis=0)[:length]


def recurrent(params: Params, features: Float[Array, "T N H"]) -> Array:
    """What `convolved` gives with `kernel`, found state by state [T, N, H]."""
    dynamics, num = _dynamics(params), features.shape[1]
    before = jnp.zeros((num, *dynamics.decay.shape), jnp.complex64)
    never = jnp.zeros(features.shape[:2], bool)
    return dynamics.read(linear.states(dynamics.decay, dynamics.drive(features), before, never))


def _dynamics(params):
    decay, gain = held(params["rate"], params["angle"], params["step"])
    c = linear.whole(params["c"])

    def drive(u):
        return gain * u[..., None]

    def read(x):
        return 2.0 * (c * x).sum(-1).real

    return linear.Dynamics(decay, drive, read, params["d"])
