"""Band-limited soft actor-critic (BL-SAC): targets of a critic without its fine detail.

Source: Campo et al. 2020, arXiv:2006.11431.
Against `sac`: where a target asks the slow critic for an action's value, it gets the mean over
actions close by, a convolution with a Gaussian, so that critics learn coarse features first. Width
0 gives `sac` (`pytest tests/algos/off_policy/test_bl_sac.py`).
Departs from the paper: the filter's shape, its width, and that it is sampled in pairs of opposite
offsets are choices of ours; it follows the minimum over critics.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.algos.off_policy import sac
from jaxac.core import Scalar, Static, field, frozen, replace
from jaxac.runners.actor_critic import ActorCritic, OneStep

make = sac.make


@frozen
class BandLimited:
    """`OneStep` with the slow critics averaged over the actions around.

    The mean over pairs a + d, a - d with Gaussian d keeps what is linear in the action and damps a
    sinusoid of frequency w (radians per unit of action) by exp(-(w width)^2 / 2) in expectation. At
    a bound of the range an offset is shortened so that both actions stay inside.
    """

    width: Scalar = field(0.1, "standard deviation of offsets; the range is 2", within="[0, inf)")
    num_pairs: Static[int] = field(4, "pairs of offsets", within="[1, inf)")

    def init(self, key, obs, action):
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


def bl_sac(**changes: Any) -> ActorCritic:
    """The settings as an `ActorCritic`; `changes` override fields by name."""
    return replace(sac.sac(backup=BandLimited()), **changes)
