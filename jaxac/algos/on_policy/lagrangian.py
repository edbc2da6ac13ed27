"""PPO under a constraint: rewards less costs, at a price that rises while costs are too high.

Source: Ray, Achiam & Amodei 2019, "Benchmarking Safe Exploration in Deep Reinforcement Learning",
section 4 (PPO-Lagrangian); Stooke et al. 2020, arXiv:2007.03964, for the scale and the controller.

    reward  =  (r - lambda c) / (1 + lambda),    lambda moved by  mean of c - `bound`.

Against `ppo`: that. Below its bound it is `ppo`
(`pytest tests/algos/on_policy/test_lagrangian.py`).
Departs from the papers: the bound is of the mean cost of a step, not of an episode; one critic, of
rewards less costs, in place of two.
"""

from typing import Any

from jaxtyping import Array, Float

from jaxac.algos.on_policy import ppo
from jaxac.core import Algorithm, Key, Metrics, Params, Scalar, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.errors import EnvError
from jaxac.ops.multiplier import Ascent, Multiplier
from jaxac.runners import advantage, on_policy
from jaxac.runners.advantage import Learner, Parts, Rollout


@frozen
class Lagrangian(ppo.PPO):
    """Hyper-parameters of PPO under a constraint."""

    bound: Scalar = field(0.1, "mean cost of a step that is allowed", within="(-inf, inf)")
    multiplier: Multiplier = field(Ascent(), "what a unit of cost is worth in reward")


def remember(key: Key, hp: Lagrangian, params: Params, obs: Any) -> dict[str, Any]:
    """Before the first update."""
    return {**ppo.remember(key, hp, params, obs), "multiplier": hp.multiplier.init()}


def pay(hp: Lagrangian, learner: Learner, rollout: on_policy.Rollout) -> Float[Array, "T N"]:
    """Rewards less costs."""
    price = hp.multiplier(learner.memory["multiplier"])
    return (rollout.reward - price * rollout.traj.outcome.cost) / (1.0 + price)


def learn(
    built: Parts, hp: Lagrangian, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """The update of `ppo`, and of the multiplier."""
    price, cost = learner.memory["multiplier"], rollout.traj.outcome.cost.mean()
    learner, units, metrics = ppo.learn(built, hp, key, learner, rollout)
    memory = {**learner.memory, "multiplier": hp.multiplier.update(price, cost - hp.bound)}
    told = {"cost": cost, "multiplier": hp.multiplier(price)}
    return replace(learner, memory=memory), units, {**metrics, **told}


def make(env: Env) -> Algorithm:
    """PPO under a constraint on `env`, which must be constrained: else `EnvError`."""
    if not env.constrained:
        raise EnvError(
            f"{env.name} has no cost that could be kept low; use ppo, or a constrained environment "
            "such as tabular/Hazards-3x6"
        )
    return advantage.make(env, learn, ppo.check, remember, pay=pay)
