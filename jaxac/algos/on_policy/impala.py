"""IMPALA: actor-critic whose learner is ahead of the actors, corrected by V-trace.

Source: Espeholt et al. 2018, arXiv:1802.01561, section 4 and appendix D (learner's settings).
Against `a2c`: a rollout is learned from `num_advantage_passes` times, each time with targets and
advantages of V-trace for the policy as it is by then. One pass is on policy, where V-trace is the
return of all steps: `a2c` (`pytest tests/algos/on_policy/test_impala.py`).
Departs from the paper: the lag of the actors is that of the passes, where queues make it random;
both networks are apart and dense; 16 environments, not 32.
Published numbers are of losses summed over a batch; the clip of gradients and RMSProp's eps are
scaled to the means that are taken here.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.advantage import Unscaled
from jaxac.ops.credit import VTrace
from jaxac.ops.optimiser import RMSProp
from jaxac.ops.surrogate import Plain

make = ppo.make


STEPS = 16 * 20  # transitions of an update; the paper's losses are sums, ours are means


def impala(**changes: Any) -> ppo.PPO:
    """The published settings as a `ppo.PPO`; `changes` override fields by name."""
    base = ppo.PPO(
        learning_rate=6e-4,
        max_grad_norm=40.0 / STEPS,
        credit=VTrace(),
        surrogate=Plain(),
        advantage=Unscaled(),
        optimiser=RMSProp(eps=0.01 / STEPS**2),
        num_envs=16,
        num_steps=20,
        num_epochs=2,
        num_advantage_passes=2,
        num_minibatches=1,
        num_updates=32,
    )
    return replace(base, **changes)
