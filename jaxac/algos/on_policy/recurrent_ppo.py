"""PPO with a memory.

Source: Schulman et al. 2017, arXiv:1707.06347; with memory as in Ni et al. 2022, arXiv:2110.05038,
and Morad et al. 2023, arXiv:2303.01859: policy and value are on one memory, minibatches are of
whole rollouts in time order, and the memory before a rollout is the one that acted.
Against `ppo`: the networks and the minibatches. A rollout is as far as gradients reach into the
past; the memory itself reaches back to the episode's start.
Departs from them: the memory at a rollout's start is not computed anew as parameters change within
the update.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.nets.recurrent import Recurrent
from jaxac.ops.minibatch import ShuffleEnvironments

make = ppo.make


def recurrent_ppo(**changes: Any) -> ppo.PPO:
    """PPO's settings with gated recurrent units; `changes` override fields by name."""
    base = ppo.PPO(net=Recurrent(), minibatches=ShuffleEnvironments())
    return replace(base, **changes)
