"""PPO with a bonus for what is new, by the error of a network that learns what it has seen (RND).

Source: Burda et al. 2018, arXiv:1810.12894.
Against `ppo`: advantages are of rewards and a `bonus` for where a step led. `bonus=Counted()` and
`Hashed()` count instead; with `Unmoved()` it is `ppo` (`pytest tests/algos/on_policy/test_rnd.py`).
Departs from the paper: one critic and one discount for rewards and bonuses; episodes end for both.
"""

from typing import Any

import jax
from jaxtyping import Array, Float

from jaxac.algos.on_policy import ppo
from jaxac.core import Algorithm, Key, Metrics, Params, field, frozen, replace
from jaxac.envs.contract import Env, view
from jaxac.ops.bonus import Bonus, Distilled
from jaxac.runners import advantage, on_policy
from jaxac.runners.advantage import Learner, Parts, Rollout


@frozen
class RND(ppo.PPO):
    """Hyper-parameters of PPO with a bonus."""

    bonus: Bonus = field(Distilled(), "reward for what is new")


def remember(key: Key, hp: RND, params: Params, obs: Any) -> dict[str, Any]:
    """Before anything was seen."""
    bonus = hp.bonus.init(key, view(obs, "policy"))
    return {**ppo.remember(key, hp, params, obs), "bonus": bonus}


def pay(hp: RND, learner: Learner, rollout: on_policy.Rollout) -> Float[Array, "T N"]:
    """Rewards and bonuses."""
    return rollout.reward + hp.bonus(learner.memory["bonus"], led_to(rollout))


def led_to(rollout: on_policy.Rollout | Rollout) -> Array:
    """What the policy's network sees of where each step led."""
    return view(rollout.seen(rollout.traj.final_obs), "policy")


def learn(
    built: Parts, hp: RND, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """The update of `ppo`, and of what the bonus remembers."""
    known, obs = learner.memory["bonus"], led_to(rollout)
    learner, units, metrics = ppo.learn(built, hp, key, learner, rollout)
    memory = {**learner.memory, "bonus": hp.bonus.update(jax.random.fold_in(key, 1), known, obs)}
    told = {"bonus": hp.bonus(known, obs).mean()}
    return replace(learner, memory=memory), units, {**metrics, **told}


def make(env: Env) -> Algorithm:
    """PPO with a bonus on `env`. `init` raises what PPO's does."""
    return advantage.make(env, learn, ppo.check, remember, pay=pay)
