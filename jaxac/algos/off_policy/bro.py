"""BRO: bigger and regularised critics, optimistic exploration.

Source: Nauman et al. 2024, arXiv:2405.16158, section 3, and the authors' code
(github.com/naumix/BiggerRegularizedOptimistic), whose settings these are.
Against `sac`: BroNet, two quantile critics of which the mean, not the least, is climbed and is the
target; weights decay; ten rounds of learning to an environment step; all that was learned is
forgotten now and then; and a second policy explores (`runners.optimistic`), without which it is SAC
with these critics (`pytest tests/algos/off_policy/test_bro.py`). BRO Fast learns less, and forgets
once: `bro(num_rounds=2, after=Resets((25_000,)))`.
Departs from the code: Adam keeps 0.9 of the mean gradient of the temperature, not 0.5.
"""

from typing import Any

from jaxac.core import replace
from jaxac.heads.reparameterised import Between, Stochastic
from jaxac.heads.returns import Quantiles
from jaxac.nets.bronet import BroNet
from jaxac.nets.critic import Plain
from jaxac.nets.initialise import Orthogonal
from jaxac.nets.layer import Dense
from jaxac.ops.after import Resets
from jaxac.ops.optimiser import AdamW
from jaxac.ops.reduce import Mean
from jaxac.ops.temperature import Learned
from jaxac.runners import optimistic
from jaxac.runners.actor_critic import Actor, Critic
from jaxac.runners.optimistic import Optimistic

make = optimistic.make


def bro(**changes: Any) -> Optimistic:
    """The published settings as an `Optimistic`; `changes` override fields by name."""
    last, optimiser = Dense(Orthogonal()), AdamW(decay=1e-4)
    base = Optimistic(
        actor=Actor(
            net=Plain(BroNet(256, 1)),
            actions=Stochastic(Between(-10.0, 2.0), last),
            reduce=Mean(),
            optimiser=optimiser,
        ),
        critic=Critic(
            net=Plain(BroNet(512, 2)),
            returns=Quantiles(100, last=last),
            reduce=Mean(),
            optimiser=optimiser,
        ),
        temperature=Learned(target=-0.5),
        after=Resets(),
        batch_size=128,
        num_rounds=10,
        warm_up=2_500,
    )
    return replace(base, **changes)
