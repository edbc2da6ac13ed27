"""Twin delayed deep deterministic policy gradient (TD3).

Source: Fujimoto et al. 2018, arXiv:1802.09477, Algorithm 1 and section 6.1.
Against DDPG: the least of two critics, a policy step to two critic steps, slow copies that move
with the policy, and targets at noisy actions. One critic, a policy step to each critic step and no
noise give DDPG (`pytest tests/algos/off_policy/test_td3.py`).
"""

from typing import Any

from jaxac.core import replace
from jaxac.heads.reparameterised import Deterministic
from jaxac.ops.explore import Gaussian
from jaxac.ops.proposal import Smoothed
from jaxac.ops.reduce import First
from jaxac.ops.slow import Polyak
from jaxac.ops.temperature import Fixed
from jaxac.runners import actor_critic
from jaxac.runners.actor_critic import Actor, ActorCritic, Critic

make = actor_critic.make
DELAY = 2  # critic steps to a policy step


def td3(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    slow = Polyak(0.005, every=DELAY)
    base = ActorCritic(
        actor=Actor(
            actions=Deterministic(),
            reduce=First(),
            explore=Gaussian(),
            proposal=Smoothed(),
            slow=slow,
        ),
        critic=Critic(slow=slow),
        temperature=Fixed(0.0),
        num_steps=DELAY,
        critic_steps=DELAY,
    )
    return replace(base, **changes)
