"""Distributed distributional deterministic policy gradient (D4PG), as one learner.

Source: Barth-Maron et al. 2018, arXiv:1804.08617, Algorithm 1 and section 4; rates, noise and grid
as in Acme (github.com/google-deepmind/acme), of the same laboratory.
Against `ddpg`: the critic says a distribution over a grid of returns, targets hold five rewards,
replay is prioritised with weights that correct in full, exploration is independent noise, and the
slow copies are of the last multiple of 100 steps.
Departs from the paper: one process with `num_envs` environments in place of many actors, and a step
of learning to each of theirs; priorities are cross-entropies to the power 0.6, a choice of ours,
and weights are over the largest of the batch; two layers of 256. The paper finds that priorities
help little: `d4pg(replay=Replay(num_steps=5))` draws evenly. The grid's ends depend on the task.
"""

from typing import Any

from jaxac.algos.off_policy import ddpg
from jaxac.core import replace
from jaxac.data.laws import Prioritised
from jaxac.data.replay import Replay
from jaxac.heads.returns import Categorical
from jaxac.ops.explore import Gaussian
from jaxac.ops.slow import Hard
from jaxac.runners.actor_critic import ActorCritic

make = ddpg.make


def d4pg(**changes: Any) -> ActorCritic:
    """The published settings as an `ActorCritic`; `changes` override fields by name."""
    base, slow = ddpg.ddpg(), Hard(100)
    base = replace(
        base,
        actor=replace(base.actor, explore=Gaussian(0.3), slow=slow),
        critic=replace(
            base.critic, learning_rate=1e-4, returns=Categorical(-150.0, 150.0), slow=slow
        ),
        replay=Replay(num_steps=5, law=Prioritised(beta=1.0)),
        batch_size=256,
    )
    return replace(base, **changes)
