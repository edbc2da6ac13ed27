"""SimbaV2: SAC with features and weights on unit hyperspheres.

Source: Lee et al. 2025, arXiv:2502.15280, section 4, and the authors' code
(github.com/DAVIAN-Robotics/SimbaV2), whose settings for online tasks these are.
Against `sac`: networks whose weights go back to norm 1 after every gradient step, observations and
rewards scaled by running statistics, one categorical critic, and a step size that falls to half.
Departs from the paper: one critic everywhere, where it takes the least of two if episodes can end;
mean and spread of the policy share the first matrix of the last layer; the discount is a setting.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.heads.reparameterised import Between, Stochastic
from jaxac.heads.returns import Categorical
from jaxac.nets.critic import Plain
from jaxac.nets.hypersphere import Hypersphere, SphereLayer, Spherical
from jaxac.ops.normalise import Standard
from jaxac.ops.reduce import First
from jaxac.ops.reward import Bounded
from jaxac.ops.schedule import Linear
from jaxac.ops.temperature import Learned
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic
from jaxac.runners.on_policy import Norm

make = sac.make


def simba_v2(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    rate: Any = Linear(1e-4, 5e-5)
    base = sac.sac(
        actor=Actor(
            learning_rate=rate,
            net=Plain(Hypersphere(128, 1)),
            actions=Stochastic(Between(-10.0, 2.0), SphereLayer()),
            reduce=First(),
            optimiser=Spherical(),
        ),
        critic=Critic(
            learning_rate=rate,
            net=Plain(Hypersphere(512, 2)),
            returns=Categorical(-5.0, 5.0, 101, SphereLayer()),
            reduce=First(),
            optimiser=Spherical(),
            num=1,
        ),
        temperature=Learned(start=0.01, target=-0.5, learning_rate=rate),
        norm=Norm(Standard(), Bounded()),
        warm_up=5_000,
    )
    return replace(base, **changes)
