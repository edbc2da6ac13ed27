"""FixPO: PPO with a KL penalty, and a second phase that leaves no observation too far away.

Source: Zentner, Puri, Huang & Sukhatme 2023, arXiv:2312.05405 (abstract and summary). Updates are
those of `ppo` with plain ratios and a penalty on the KL whose multiplier is learned
(`ops.proximity.Lagrange`). Then gradient steps on the KL alone, where it is above the bound, go on
until it is so nowhere in the rollout.
Against `ppo`: these two. Without a bound, from a multiplier of 0, it is `ppo` with plain ratios
(`pytest tests/algos/on_policy/test_fixpo.py`).
Departs from the paper: the multiplier moves once an update; fixing steps are of the whole rollout;
should `num_fixes` of them not do, as much of the update, the critic's with it, is taken as keeps
to the bound.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.algos.on_policy import ppo
from jaxac.core import Algorithm, Key, Metrics, Params, Static, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.ops.line_search import Backtrack
from jaxac.ops.optimiser import descend
from jaxac.ops.proximity import Lagrange
from jaxac.ops.surrogate import Ratio, Surrogate
from jaxac.runners import advantage
from jaxac.runners.advantage import Learner, Parts, Rollout

HALVES = Backtrack(decay=0.5, num=40)


@frozen
class FixPO(ppo.PPO):
    """Hyper-parameters of FixPO."""

    surrogate: Surrogate = field(Ratio(), "the policy's objective")
    proximity: Lagrange = field(Lagrange(), "what it costs to leave the policy that acted")
    num_fixes: Static[int] = field(100, "most fixing steps of an update", within="[0, inf)")


def learn(
    built: Parts, hp: FixPO, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """An update of `ppo`, and what fixes it."""
    head, net, optimiser = built
    traj, acted, bound = rollout.traj, learner.params, hp.proximity.bound
    learner, value_stats, metrics = ppo.learn(built, hp, key, learner, rollout)

    def output(params: Params):
        return net.scan(params, rollout.carry, rollout.seen(traj.obs), traj.reset)[0]

    def kl_to_acted(params: Params):
        return head.kl(before, output(params))

    def loss(params: Params):
        kl = kl_to_acted(params)
        return jnp.where(kl > bound, kl, 0.0).mean(), ()

    def unfinished(carried):
        count, params, _ = carried
        return (count < hp.num_fixes) & (kl_to_acted(params).max() > bound)

    def fix(carried):
        count, params, opt_state = carried
        params, opt_state, _ = descend(loss, optimiser, params, opt_state)
        return count + 1, params, opt_state

    def between(share):
        return jax.tree.map(
            lambda a, b: jnp.where(share == 1.0, b, a + share * (b - a)), acted, params
        )

    before = output(acted)
    # Of a fresh optimiser: what the first phase remembers would move the critic on.
    begin = jnp.int32(0), learner.params, optimiser.init(learner.params)
    count, params, _ = jax.lax.while_loop(unfinished, fix, begin)
    share = HALVES(lambda share: kl_to_acted(between(share)).max() <= bound)
    kept = between(share)
    told = {"fixing_steps": count.astype(jnp.float32), "share_of_step": share}
    told["largest_kl"] = kl_to_acted(kept).max()
    return replace(learner, params=kept), value_stats, {**metrics, **told}


def make(env: Env) -> Algorithm:
    """FixPO on `env`. `init` raises what PPO's does."""
    return advantage.make(env, learn, ppo.check, ppo.remember)
