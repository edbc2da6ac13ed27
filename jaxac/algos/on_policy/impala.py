"""IMPALA: actor-critic whose learner is ahead of the actors, corrected by V-trace.

Source: Espeholt et al. 2018, arXiv:1802.01561, section 4 and appendix D (learner's settings).
Against `a2c`: a rollout is learned from `num_epochs` times, each time with targets and advantages
of V-trace for the policy as it is by then. One pass is on policy, where V-trace is the return of
all steps: `a2c` (`pytest tests/algos/on_policy/test_impala.py`).
Departs from the paper: the lag of the actors is that of the passes, where queues make it random;
both networks are apart and dense.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.advantage import Unscaled
from jaxac.ops.credit import VTrace
from jaxac.ops.optimiser import RMSProp
from jaxac.ops.surrogate import Plain

make = ppo.make


def impala(**changes: Any) -> ppo.PPO:
    """The published settings as a `ppo.PPO`; `changes` override fields by name."""
    base = ppo.PPO(
        learning_rate=6e-4,
        max_grad_norm=40.0,
        credit=VTrace(),
        surrogate=Plain(),
        advantage=Unscaled(),
        optimiser=RMSProp(eps=0.01),
        num_steps=20,
        num_epochs=2,
        num_advantage_passes=2,
        num_minibatches=1,
        num_updates=32,
    )
    return replace(base, **changes)
