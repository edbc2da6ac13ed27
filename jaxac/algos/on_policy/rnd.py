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


@frozen
class Memory:
    """What is remembered from update to update."""

    proximity: Any
    bonus: Any


def remember(key: Key, hp: RND, params: Params, obs: Any) -> Memory:
    """Before anything was seen."""
    return Memory(ppo.remember(key, hp, params, obs), hp.bonus.init(key, view(obs, "policy")))


def pay(hp: RND, learner: Learner, rollout: on_policy.Rollout) -> Float[Array, "T N"]:
    """Rewards and bonuses."""
    return rollout.reward + hp.bonus(learner.memory.bonus, led_to(rollout))


def led_to(rollout: on_policy.Rollout | Rollout) -> Array:
    """What the policy's network sees of where each step led."""
    return view(rollout.seen(rollout.traj.final_obs), "policy")


def learn(
    built: Parts, hp: RND, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """The update of `ppo`, and of what the bonus remembers."""
    memory, obs = learner.memory, led_to(rollout)
    inner = replace(learner, memory=memory.proximity)
    inner, units, metrics = ppo.learn(built, hp, key, inner, rollout)
    bonus = hp.bonus.update(jax.random.fold_in(key, 1), memory.bonus, obs)
    told = {"bonus": hp.bonus(memory.bonus, obs).mean()}
    return replace(inner, memory=Memory(inner.memory, bonus)), units, {**metrics, **told}


def make(env: Env) -> Algorithm:
    """PPO with a bonus on `env`. `init` raises what PPO's does."""
    return advantage.make(env, learn, ppo.check, remember, pay=pay)
