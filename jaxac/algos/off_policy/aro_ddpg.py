"""Off-policy deterministic actor-critic for the average reward (ARO-DDPG).

Source: Saxena et al. 2023, arXiv:2305.12239, Algorithm 1, and the authors' code
(github.com/namansaxena9/ARO-DDPG) for rates and exploration.
Against `ddpg`: no discount; targets are of r - rho, where rho is the reward of a step on average,
learned by descent on the critics' own loss; and, from TD3, the least of two critics, and a policy
step to two critic steps. A rho held at 0 with a discount is that TD3 without smoothing
(`pytest tests/algos/off_policy/test_aro_ddpg.py`).
Departs from the paper: two layers of 256 in place of 128; exploration begins at 0 in each episode,
not once. Where the task terminates the value after it is 0, as in the code (there at time limits
too), which is no average of rewards: meant for tasks that go on for ever.
"""

from typing import Any

from jaxac.algos.off_policy import ddpg
from jaxac.core import replace
from jaxac.ops.backup import Differential
from jaxac.ops.reduce import Min
from jaxac.ops.slow import Polyak
from jaxac.runners.actor_critic import ActorCritic, Critic

make = ddpg.make
DELAY = 2  # critic steps to a policy step


def aro_ddpg(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base, slow = ddpg.ddpg(), Polyak(0.005, every=DELAY)
    base = replace(
        base,
        actor=replace(base.actor, learning_rate=3e-4, reduce=Min(), slow=slow),
        critic=Critic(reduce=Min(), slow=slow),
        backup=Differential(),
        gamma=1.0,
        batch_size=256,
        warm_up=5_000,
        num_steps=DELAY,
        critic_steps=DELAY,
    )
    return replace(base, **changes)
