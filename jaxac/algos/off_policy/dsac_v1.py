"""Distributional soft actor-critic (DSAC) with a Gaussian of the return, in its first version.

Source: Duan et al. 2021, arXiv:2001.02811, Algorithm 1; the gradients and rates of the authors'
code (github.com/Jingliang-Duan/DSAC-v1), where they differ from the paper's: so there is no floor
of the deviation.
Against `sac`: one critic that says a mean and a deviation, trained to drawn returns; a policy step
to two critic steps; slow copies of both that move with the policy.
Departs from the code: 1,000 random steps in place of 10,000 of the policy's own; a critic step to
one environment step, not to 20; log deviations of the policy up to 2, not 0.5; a temperature that
begins at 1, not e. A return is clipped 20 from the mean, as by the code itself; its scripts have 1,
10 or 20 by task.
"""

from typing import Any

from jaxac.algos.off_policy import sac
from jaxac.core import replace
from jaxac.heads.returns import Gaussian
from jaxac.nets.activation import GELU
from jaxac.nets.critic import Plain
from jaxac.nets.initialise import Lecun
from jaxac.nets.mlp import MLP
from jaxac.ops.reduce import First
from jaxac.ops.slow import Polyak
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = sac.make
DELAY = 2  # critic steps to a policy step


def dsac_v1(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    net, slow = Plain(MLP((256, 256, 256), GELU(), Lecun())), Polyak(0.005, every=DELAY)
    base = sac.sac(
        actor=Actor(learning_rate=1e-4, net=net, reduce=First(), slow=slow),
        critic=Critic(
            learning_rate=1e-4, net=net, returns=Gaussian(), reduce=First(), slow=slow, num=1
        ),
        num_steps=DELAY,
        critic_steps=DELAY,
    )
    return replace(base, **changes)
