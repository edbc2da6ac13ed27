"""IMPALA at its limit."""

import jax
import numpy as np

from jaxac.algos.on_policy import a2c, impala, ppo
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.nets.actor_critic import ActorCritic

ENV = as_env(mdp.random_walk(5), "walk", time_limit=7)
SMALL = {"net": ActorCritic(hidden=(4,)), "num_envs": 4, "num_steps": 6, "num_updates": 3}


def trained(hp):
    made = ppo.make(ENV)
    state, _ = jax.jit(made.chunk)(jax.jit(made.init)(jax.random.key(0), hp))
    return [np.asarray(x) for x in jax.tree.leaves(state.learner.params)]


def test_one_pass_is_a2c_and_a_second_one_is_not():
    once = impala.impala(**SMALL, num_epochs=1, num_advantage_passes=1)
    same = {k: getattr(once, k) for k in ("learning_rate", "max_grad_norm", "optimiser")}
    want = trained(a2c.a2c(**SMALL, **same))
    for got, x in zip(trained(once), want, strict=True):
        np.testing.assert_allclose(got, x, atol=1e-5)
    twice = trained(replace(once, num_epochs=2, num_advantage_passes=2))
    stale = trained(replace(once, num_epochs=2))
    for other in (want, stale):
        assert max(np.abs(got - x).max() for got, x in zip(twice, other, strict=True)) > 1e-5
