"""Advantage actor-critic (A2C), the synchronous form of A3C.

Source: Mnih et al. 2016, arXiv:1602.01783, Algorithm S3; settings after the A2C of OpenAI
Baselines.
Against `ppo`: one gradient step per short rollout, the score-function gain, n-step returns,
advantages in reward units, RMSProp.
Departs from the paper: environments step in lockstep, so no gradient is stale.
"""

from typing import Any

from jaxac.algos.on_policy import ppo
from jaxac.core import replace
from jaxac.ops.advantage import Unscaled
from jaxac.ops.credit import GAE
from jaxac.ops.optimiser import RMSProp
from jaxac.ops.surrogate import Plain

make = ppo.make


def a2c(**changes: Any) -> ppo.PPO:
    """The published A2C settings as a `ppo.PPO`; `changes` override fields by name."""
    base = ppo.PPO(
        learning_rate=7e-4,
        credit=GAE(lam=1.0),
        surrogate=Plain(),
        advantage=Unscaled(),
        optimiser=RMSProp(),
        num_steps=5,
        num_epochs=1,
        num_minibatches=1,
        num_updates=64,
    )
    return replace(base, **changes)
