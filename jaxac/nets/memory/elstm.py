"""The element-wise LSTM."""

import functools

import jax
import jax.numpy as jnp

from jaxac.core import Static, frozen
from jaxac.nets.memory.contract import WIDTH, dense, gates, in_sequence


@frozen
class ELSTM:
    """An LSTM whose units see of the memory their own element only.

    Source: Irie et al. 2023, arXiv:2305.19044, section 3.1, and the code its authors published:
    z = tanh(Z x + w_z c), f = sigmoid(F x + w_f c), c' = f c + (1 - f) z, and what comes out is
    sigmoid(O (x, c')) c'. Departs from it: weights on features are orthogonal at first, not normal,
    and the forget gate's bias is 1.
    """

    width: Static[int] = WIDTH

    def init(self, key, num_in):
        key_x, key_c, key_out = jax.random.split(key, 3)
        new, keep = jnp.split(gates(key_x, num_in, self.width, 2), 2, axis=-1)
        own = 0.1 * jax.random.normal(key_c, (2, self.width))
        return {
            "recurrent": {
                "new": {"input": new, "own": own[0], "bias": jnp.zeros(self.width)},
                "keep": {"input": keep, "own": own[1], "bias": jnp.ones(self.width)},
            },
            "out": {
                "kernel": gates(key_out, num_in + self.width, self.width, 1),
                "bias": jnp.zeros(self.width),
            },
        }

    def start(self, num_envs, num_in):
        del num_in
        return jnp.zeros((num_envs, self.width))

    def recur(self, recurrent, carry, x):
        new, keep = (_gate(recurrent[name], carry, x) for name in ("new", "keep"))
        keep = jax.nn.sigmoid(keep)
        return keep * carry + (1.0 - keep) * jnp.tanh(new)

    def read(self, params, carry, x):
        return jax.nn.sigmoid(dense(params["out"], jnp.concatenate([x, carry], -1))) * carry

    def step(self, params, carry, x):
        carry = self.recur(params["recurrent"], carry, x)
        return self.read(params, carry, x), carry

    def scan(self, params, carry, xs, reset):
        return in_sequence(functools.partial(self.step, params), carry, xs, reset)


def _gate(gate, carry, x):
    return x @ gate["input"] + gate["own"] * carry + gate["bias"]
