"""SAC on the SimBa network.

Source: Lee et al. 2024, arXiv:2410.09754, section 4, and the authors' code
(github.com/SonyResearch/simba), whose settings these are.
Against `sac`: residual blocks with layer normalisation, observations normalised by running
statistics, AdamW, one critic, and two rounds of learning to an environment step. Without decay it
is SAC on the same network (`pytest tests/algos/off_policy/test_simba_sac.py`).
Departs from the paper: one critic everywhere, where it takes the least of two if episodes can end;
the discount is a setting.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.heads.reparameterised import Between, Stochastic
from jaxac.heads.returns import Value
from jaxac.nets.critic import Plain
from jaxac.nets.initialise import Orthogonal
from jaxac.nets.layer import Dense
from jaxac.nets.simba import SimBa
from jaxac.ops.normalise import Standard
from jaxac.ops.optimiser import AdamW
from jaxac.ops.reduce import First
from jaxac.ops.temperature import Learned
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic
from jaxac.runners.on_policy import Norm

make = sac.make
LAST = Dense(Orthogonal(1.0))


def simba_sac(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = sac.sac(
        actor=Actor(
            learning_rate=1e-4,
            net=Plain(SimBa(128, 1)),
            actions=Stochastic(Between(-10.0, 2.0), LAST),
            reduce=First(),
            optimiser=AdamW(),
        ),
        critic=Critic(
            learning_rate=1e-4,
            net=Plain(SimBa(512, 2)),
            returns=Value(last=LAST),
            reduce=First(),
            optimiser=AdamW(),
            num=1,
        ),
        temperature=Learned(start=0.01, target=-0.5, learning_rate=1e-4),
        norm=Norm(obs=Standard()),
        num_rounds=2,
        warm_up=5_000,
    )
    return replace(base, **changes)
