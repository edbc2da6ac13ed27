"""Long short-term memory."""

import functools

import jax
import jax.numpy as jnp

from jaxac.core import Static, frozen
from jaxac.nets.memory.contract import WIDTH, gates, in_sequence


@frozen
class LSTM:
    """Long short-term memory; the memory is (cells, outputs).

    Source: Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000 and without
    peepholes (flax's `LSTMCell`). Weights are orthogonal gate by gate, biases zero but the forget
    gate's, which are 1 (Jozefowicz et al. 2015).
    """

    width: Static[int] = WIDTH

    def init(self, key, num_in):
        key_x, key_h = jax.random.split(key)
        return {
            "input": gates(key_x, num_in, self.width, 4),
            "hidden": gates(key_h, self.width, self.width, 4),
            "bias": jnp.zeros(4 * self.width).at[self.width : 2 * self.width].set(1.0),
        }

    def start(self, num_envs, num_in):
        del num_in
        return jnp.zeros((num_envs, self.width)), jnp.zeros((num_envs, self.width))

    def step(self, params, carry, x):
        return _recur(params, carry, x @ params["input"] + params["bias"])

    def scan(self, params, carry, xs, reset):
        projected = xs @ params["input"] + params["bias"]
        return in_sequence(functools.partial(_recur, params), carry, projected, reset)


def _recur(params, carry, projected):
    cell, h = carry
    let_in, keep, new, let_out = jnp.split(projected + h @ params["hidden"], 4, axis=-1)
    cell = jax.nn.sigmoid(keep) * cell + jax.nn.sigmoid(let_in) * jnp.tanh(new)
    h = jax.nn.sigmoid(let_out) * jnp.tanh(cell)
    return h, (cell, h)
