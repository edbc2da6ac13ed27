"""Gated recurrent units."""

import functools

import jax
import jax.numpy as jnp

from jaxac.core import Static, frozen
from jaxac.nets.memory.contract import WIDTH, gates, in_sequence


@frozen
class GRU:
    """Gated recurrent units.

    Source: Cho et al. 2014, arXiv:1406.1078, in the form that is everywhere by now: the reset gate
    acts after the recurrent weights, and those of the candidate have a bias (flax's `GRUCell`).
    Weights are orthogonal gate by gate, biases zero.
    """

    width: Static[int] = WIDTH

    def init(self, key, num_in):
        key_x, key_h = jax.random.split(key)
        return {
            "input": gates(key_x, num_in, self.width, 3),
            "bias": jnp.zeros(3 * self.width),
            "hidden": gates(key_h, self.width, self.width, 3),
            "hidden_bias": jnp.zeros(self.width),
        }

    def start(self, num_envs, num_in):
        del num_in
        return jnp.zeros((num_envs, self.width))

    def step(self, params, carry, x):
        return _recur(params, carry, x @ params["input"] + params["bias"])

    def scan(self, params, carry, xs, reset):
        projected = xs @ params["input"] + params["bias"]
        return in_sequence(functools.partial(_recur, params), carry, projected, reset)


def _recur(params, h, projected):
    forget_x, update_x, new_x = jnp.split(projected, 3, axis=-1)
    forget_h, update_h, new_h = jnp.split(h @ params["hidden"], 3, axis=-1)
    forget = jax.nn.sigmoid(forget_x + forget_h)
    update = jax.nn.sigmoid(update_x + update_h)
    new = jnp.tanh(new_x + forget * (new_h + params["hidden_bias"]))
    h = (1.0 - update) * new + update * h
    return h, h
