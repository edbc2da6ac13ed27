"""FixPO keeps to its bound, whatever the first phase has done, and is PPO without one."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy import fixpo, ppo
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.nets.actor_critic import ActorCritic
from jaxac.ops.proximity import Free, Lagrange
from jaxac.runners import advantage
from jaxac.runners.advantage import Batch, Learner, Rollout
from jaxac.runners.on_policy import Trajectory

ENV = as_env(mdp.random_walk(5), "walk", time_limit=100)
HP = fixpo.FixPO(
    net=ActorCritic(hidden=()), num_envs=40, num_steps=1, num_minibatches=1, learning_rate=0.01
)


def learned(learn, hp):
    """Parameters after an update on random states and actions, metrics, and the KL at each."""
    built, rng = advantage.parts(ENV, hp), np.random.default_rng(1)
    obs = jnp.asarray(np.eye(5, dtype=np.float32)[rng.integers(5, size=(1, 40))])
    gain = jnp.asarray(rng.normal(size=(1, 40)), jnp.float32)
    params = built.net.init(jax.random.key(0), obs[0])
    out = built.net.scan(params, (), obs, None)[0]
    action = built.head.sample(jax.random.key(1), out)
    batch = Batch(obs, action, None, built.head.log_prob(out, action), 0.0 * gain, gain, gain)
    traj = cast(Any, Trajectory)(obs, action, batch.log_prob, None, None)
    rollout = Rollout(traj, (), (), lambda x: x, lambda params, stats: (stats, batch, {}))
    memory = ppo.remember(jax.random.key(0), hp, params, obs)
    learner = Learner(params, built.optimiser.init(params), memory)
    after, _, metrics = jax.jit(lambda x: learn(built, hp, jax.random.key(2), x, rollout))(learner)
    kl = built.head.kl(out, built.net.scan(after.params, (), obs, None)[0])
    return jax.tree.leaves(after.params), metrics, np.asarray(kl)


@pytest.mark.parametrize("num_fixes", [0, 100])
def test_no_observation_is_left_beyond_the_bound(num_fixes):
    bold = replace(
        HP, learning_rate=0.3, num_epochs=20, num_fixes=num_fixes,
        proximity=Lagrange(bound=0.02, start=0.0),
    )  # fmt: skip
    first, _, free = learned(ppo.learn, bold)
    params, metrics, kl = learned(fixpo.learn, bold)
    assert free.max() > 0.2 and 0.0 < kl.max() <= 0.02
    np.testing.assert_allclose(metrics["largest_kl"], kl.max(), rtol=1e-3)
    if num_fixes:  # they did it alone, and left the critic as it was
        assert 0 < metrics["fixing_steps"] < num_fixes and metrics["share_of_step"] == 1.0
        kept = [np.array_equal(x, y) for x, y in zip(params, first, strict=True)]
        assert kept.count(True) == 2, "weights and bias of the value"
    else:
        assert metrics["share_of_step"] < 1.0


def test_without_a_bound_it_is_ppo_with_plain_ratios():
    none = replace(HP, proximity=Lagrange(bound=float("inf"), start=0.0))
    params, metrics, _ = learned(fixpo.learn, none)
    want, _, _ = learned(ppo.learn, replace(none, proximity=Free()))
    for x, y in zip(params, want, strict=True):
        np.testing.assert_allclose(x, y, atol=1e-6)
    assert metrics["fixing_steps"] == 0


def test_the_multiplier_grows_beyond_its_aim_and_falls_within():
    plan, start = Lagrange(bound=0.3, margin=3.0, rate=0.5), jnp.float32(1.0)
    np.testing.assert_allclose(plan.update(start, jnp.array([0.2, 0.0])), 1.0 + 0.5 * 0.3)
    np.testing.assert_allclose(plan.update(start, jnp.array([0.05, 0.0])), 1.0 - 0.5 * 0.15)
    assert Lagrange(bound=float("inf")).update(start, jnp.array([9.0])) == 0.0
