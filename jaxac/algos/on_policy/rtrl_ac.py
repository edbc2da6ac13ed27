"""RTRL actor-critic (R2AC): an actor-critic whose memory learns without a truncated past.

Source: Irie et al. 2023, arXiv:2305.19044, sections 3 and 4, settings of its DMLab runs.
Against `impala`: policy and value are on an element-wise LSTM trained by real-time recurrent
learning; rollouts of 100 steps, one pass over each.
Departs from the paper: the lag of the actors is that of the passes, none by default; 16
environments, not 48; features below the memory have gradients through the rollout, and so has the
memory (see `jaxac.nets.memory.RTRL`): the sum is the same.
"""

from typing import Any

from jaxac.algos.on_policy import impala
from jaxac.core import replace
from jaxac.nets.memory import RTRL
from jaxac.nets.recurrent import Recurrent
from jaxac.ops.minibatch import ShuffleEnvironments
from jaxac.ops.optimiser import RMSProp

make = impala.make

STEPS = 32 * 100  # transitions of an update; the paper's losses are sums, ours are means


def rtrl_ac(**changes: Any) -> Any:
    """The published settings as an `impala.impala`; `changes` override fields by name."""
    base = impala.impala(
        max_grad_norm=40.0 / STEPS,
        optimiser=RMSProp(eps=0.01 / STEPS**2),
        net=Recurrent(core=RTRL()),
        minibatches=ShuffleEnvironments(),
        num_steps=100,
        num_epochs=1,
        num_advantage_passes=1,
        num_updates=8,
    )
    return replace(base, **changes)
