"""FastSAC: soft actor-critic for thousands of parallel environments.

Source: Seo et al. 2025, arXiv:2512.01996, section 3.1, and the authors' settings for locomotion.
Against `sac`: many environments, large batches, eight critic steps and two policy steps to a step
of all environments, categorical critics that learn from targets of their own and whose average the
policy climbs, layer normalisation, observations normalised by running statistics, a short discount,
quick slow copies, and a narrow policy at a low temperature whose entropy is held at 0.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.heads.reparameterised import Between, Stochastic
from jaxac.heads.returns import Categorical
from jaxac.nets.activation import SiLU
from jaxac.nets.critic import Plain
from jaxac.nets.normed import NormedMLP
from jaxac.ops.normalise import Standard
from jaxac.ops.optimiser import AdamW
from jaxac.ops.reduce import Each, Mean
from jaxac.ops.slow import Polyak
from jaxac.ops.temperature import Learned
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic
from jaxac.runners.on_policy import Norm

make = sac.make


def fast_sac(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    adam = AdamW(b2=0.95, decay=1e-3)
    base = sac.sac(
        actor=Actor(
            net=Plain(NormedMLP((512, 256, 128), SiLU())),
            actions=Stochastic(Between(-5.0, 0.0)),
            reduce=Mean(),
            optimiser=adam,
        ),
        critic=Critic(
            net=Plain(NormedMLP((768, 384, 192), SiLU())),
            returns=Categorical(-20.0, 20.0, 101),
            reduce=Each(),
            slow=Polyak(0.125),
            optimiser=adam,
        ),
        temperature=Learned(start=0.001, target=0.0),
        norm=Norm(obs=Standard()),
        gamma=0.97,
        num_envs=4096,
        batch_size=8192,
        num_rounds=2,
        critic_steps=4,
        warm_up=40_960,
    )
    return replace(base, replay=replace(base.replay, capacity=1_048_576), **changes)
