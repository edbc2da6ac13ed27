"""Deep deterministic policy gradient (DDPG).

Source: Lillicrap et al. 2016, arXiv:1509.02971, Algorithm 1 and supplementary 7.
As an actor-critic: a deterministic policy, one critic, no entropy, slow copies of both.
Departs from the paper: two layers of 256 with the action in the first, no weight decay, and no
batch normalisation, as in the comparison of Fujimoto et al. 2018.
"""

from typing import Any

from jaxac.core import replace
from jaxac.heads.reparameterised import Deterministic
from jaxac.ops.explore import OrnsteinUhlenbeck
from jaxac.ops.reduce import First
from jaxac.ops.slow import Polyak
from jaxac.ops.temperature import Fixed
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = actor_critic.make


def ddpg(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base = ActorCritic(
        actor=Actor(
            learning_rate=1e-4,
            actions=Deterministic(),
            reduce=First(),
            explore=OrnsteinUhlenbeck(),
            slow=Polyak(0.001),
        ),
        critic=Critic(learning_rate=1e-3, reduce=First(), slow=Polyak(0.001), num=1),
        temperature=Fixed(0.0),
        batch_size=64,
    )
    return replace(base, **changes)
