"""Asynchronous advantage actor-critic (A3C), its asynchrony as a number of updates.

Source: Mnih et al. 2016, arXiv:1602.01783, Algorithm S3. A worker acts and computes its gradient
with parameters that it copied a while ago; by the time that the gradient is applied others have
moved them on. Here every gradient is of the parameters `staleness` updates before those that it
is applied to; its rollout was collected by them too.
Against `a2c`: that. Without staleness it is `a2c` (`pytest tests/algos/on_policy/test_a3c.py`).
Departs from the paper: all gradients are equally stale, and the rate does not fall.
"""

from typing import Any

import jax
import jax.numpy as jnp

from jaxac.algos.on_policy import ppo
from jaxac.core import Algorithm, Key, Metrics, Params, Static, field, frozen, replace
from jaxac.envs.contract import Env
from jaxac.ops.advantage import Unscaled
from jaxac.ops.credit import GAE
from jaxac.ops.optimiser import RMSProp
from jaxac.ops.surrogate import Plain
from jaxac.runners import advantage
from jaxac.runners.advantage import Learner, Parts, Rollout


@frozen
class A3C(ppo.PPO):
    """Hyper-parameters of A3C."""

    staleness: Static[int] = field(
        4, "updates between the copy of the parameters and its gradient", within="[0, inf)"
    )


def a3c(**changes: Any) -> A3C:
    """The settings of `a2c` as an `A3C`; `changes` override fields by name."""
    base = A3C(
        credit=GAE(lam=1.0), surrogate=Plain(), advantage=Unscaled(), optimiser=RMSProp(),
        learning_rate=7e-4, num_steps=5, num_epochs=1, num_minibatches=1, num_updates=64,
    )  # fmt: skip
    return replace(base, **changes)


def remember(key: Key, hp: A3C, params: Params, obs: Any) -> dict[str, Any]:
    """Copies [staleness + 1, ...], the oldest first, the present last: all of the first ones."""
    num = hp.staleness + 1
    copies = jax.tree.map(lambda x: jnp.broadcast_to(x, (num, *x.shape)), params)
    return {**ppo.remember(key, hp, params, obs), "copies": copies}


def oldest(learner: Learner) -> Params:
    """The parameters that act."""
    return jax.tree.map(lambda x: x[0], learner.memory["copies"])


def learn(
    built: Parts, hp: A3C, key: Key, learner: Learner, rollout: Rollout
) -> tuple[Learner, Any, Metrics]:
    """The update of old parameters, applied to the present ones."""
    stale, copies = oldest(learner), learner.memory["copies"]
    behind = replace(learner, params=stale)
    moved, units, metrics = ppo.learn(built, hp, key, behind, rollout)
    params = jax.tree.map(lambda x, a, b: x + (b - a), learner.params, stale, moved.params)
    copies = jax.tree.map(lambda x, y: jnp.concatenate([x[1:], y[None]]), copies, params)
    memory = {**moved.memory, "copies": copies}
    return replace(moved, params=params, memory=memory), units, metrics


def make(env: Env) -> Algorithm:
    """A3C on `env`. `init` raises what PPO's does."""
    return advantage.make(env, learn, ppo.check, remember, oldest)
