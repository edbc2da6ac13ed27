"""Off-policy deterministic actor-critic for the average reward (ARO-DDPG).

Source: Saxena et al. 2023, arXiv:2305.12239, Algorithm 1, and the authors' code
(github.com/namansaxena9/ARO-DDPG) for rates and exploration.
Against `ddpg`: no discount; targets are of r - rho, where rho is the reward of a step on average,
learned by descent on the critics' own loss; and, from TD3, the least of two critics, and a policy
step to two critic steps. A rho held at 0 with a discount is that TD3 without smoothing
(`pytest tests/algos/off_policy/test_aro_ddpg.py`).
Departs from the paper: two layers of 256 in place of 128; where the task terminates the value after
it is 0, as in the code, which is no average of rewards: meant for tasks that go on for ever.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float

from jaxac.algos.off_policy import ddpg
from jaxac.core import Scalar, field, frozen, replace
from jaxac.ops.reduce import Min
from jaxac.ops.slow import Polyak
from jaxac.runners.actor_critic import ActorCritic, Critic, OneStep

make = ddpg.make
DELAY = 2  # critic steps to a policy step


@frozen
class Gain:
    """The reward of a step on average, and its optimiser's memory."""

    rho: Float[Array, ""]
    opt_state: optax.OptState


@frozen
class Differential:
    """r - rho + Q'(s', a'), where rho descends the critics' squared TD error by Adam.

    Source: arXiv:2305.12239, Algorithm 1. A target of n rewards would take n rho, so it is for
    `replay.num_steps` 1.
    """

    learning_rate: Scalar = field(3e-4, "step size of rho", within="[0, inf)")
    start: Scalar = field(0.0, "rho before any data, in units of reward", within="(-inf, inf)")

    def init(self, key, obs, action):
        rho = jnp.asarray(self.start, jnp.float32)
        return Gain(rho, optax.adam(self.learning_rate).init(rho))

    def __call__(self, key, memory, nets, batch):
        return OneStep()(key, (), nets, replace(batch, reward=batch.reward - memory.rho))

    def learn(self, key, memory, nets, batch):
        key_target, key_out = jax.random.split(key)
        target = nets.returns.mean(self(key_target, memory, nets, batch))
        q = nets.returns.mean(nets.out(key_out, batch.obs, batch.action))
        grad = (batch.weight * (q - target)).mean(-1).sum()
        step, opt_state = optax.adam(self.learning_rate).update(grad, memory.opt_state)
        rho = memory.rho + step
        return Gain(rho, opt_state), {"average_reward": rho}


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
