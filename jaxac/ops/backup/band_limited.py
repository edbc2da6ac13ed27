"""Targets of critics without their fine detail in the action."""

import jax
import jax.numpy as jnp

from jaxac.core import Scalar, Static, field, frozen
from jaxac.ops.backup.contract import OneStep


@frozen
class BandLimited:
    """`OneStep` with the slow critics averaged over the actions around.

    The mean over pairs a + d, a - d with Gaussian d keeps what is linear in the action and damps a
    sinusoid of frequency w (radians per unit of action) by exp(-(w width)^2 / 2) in expectation. At
    a bound of the range an offset is shortened so that both actions stay inside.
    """

    width: Scalar = field(0.1, "standard deviation of offsets; the range is 2", within="[0, inf)")
    num_pairs: Static[int] = field(4, "pairs of offsets", within="[1, inf)")

    def init(self, key, obs, action, num):
        return ()

    def __call__(self, key, memory, nets, batch):
        def slow_out(key, obs, action):
            key_offset, key_out = jax.random.split(key)
            nearby = self.around(key_offset, action)
            out = jax.vmap(lambda action: nets.slow_out(key_out, obs, action))(nearby)
            return nets.returns.average(out)

        return OneStep()(key, memory, nets._replace(slow_out=slow_out), batch)

    def learn(self, key, memory, nets, batch):
        return memory, {}

    def around(self, key, action):
        """Actions [2 num_pairs, B, A] near `action` [B, A], with `action` as their mean."""
        offset = self.width * jax.random.normal(key, (self.num_pairs, *action.shape))
        room = 1.0 - jnp.abs(action)
        offset = jnp.clip(offset, -room, room)
        return jnp.concatenate([action + offset, action - offset])
