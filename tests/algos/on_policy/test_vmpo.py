"""V-MPO's weights and duals, in closed form."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.algos.on_policy import vmpo
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.nets.actor_critic import ActorCritic
from jaxac.runners import advantage
from jaxac.runners.advantage import Batch, Learner, Rollout

ENV = as_env(mdp.random_walk(5), "walk", time_limit=100)
GAIN = jnp.asarray(np.random.default_rng(0).normal(size=(1, 40)), jnp.float32)


def test_weights_are_a_softmax_over_the_better_half():
    psi, soft_best = vmpo.weighed(GAIN, jnp.float32(0.5))
    gain = np.asarray(GAIN, np.float64)[0]
    better = np.argsort(gain)[20:]
    want = np.zeros(40)
    want[better] = np.exp(gain[better] / 0.5)
    np.testing.assert_allclose(soft_best, 0.5 * np.log(want[better].mean()), rtol=1e-5)
    np.testing.assert_allclose(psi[0], want / want.sum(), atol=1e-6)
    even, _ = vmpo.weighed(GAIN, jnp.float32(1e6))
    np.testing.assert_allclose(even[0], (want > 0) / 20.0, atol=1e-6)


def test_a_small_temperature_costs_no_digits():
    equal = jnp.asarray([[1.0, 1.0, 1.0, 1.0, -1.0, -2.0, -3.0, -4.0]])
    for scale, eta in ((1.0, 1e-4), (100.0, 1e-4), (1e4, 1.0)):
        psi, _ = vmpo.weighed(scale * equal, jnp.float32(eta))
        np.testing.assert_allclose(psi[0], [0.25] * 4 + [0.0] * 4, atol=1e-6)
        slope = jax.grad(lambda eta, x: vmpo.weighed(x, eta)[1])(jnp.float32(eta), scale * equal)
        np.testing.assert_allclose(slope, 0.0, atol=1e-6)


def learned(hp):
    """The learner before and after an update on a batch of random states and actions."""
    built, rng = advantage.parts(ENV, hp), np.random.default_rng(1)
    obs = jnp.asarray(np.eye(5, dtype=np.float32)[rng.integers(5, size=(1, 40))])
    params = built.net.init(jax.random.key(0), obs[0])
    out = built.net.scan(params, (), obs, None)[0]
    action = built.head.sample(jax.random.key(1), out)
    batch = Batch(obs, action, None, built.head.log_prob(out, action), 0.0 * GAIN, GAIN, GAIN)
    rollout = Rollout(
        cast(Any, None), (), (), lambda x: x, lambda params, stats: (stats, batch, {})
    )
    before = Learner(
        params, built.optimiser.init(params), vmpo.remember(jax.random.key(0), hp, params, obs)
    )
    after, _, metrics = jax.jit(lambda x: vmpo.learn(built, hp, jax.random.key(2), x, rollout))(
        before
    )

    def log_prob(learner):
        return built.head.log_prob(built.net.scan(learner.params, (), obs, None)[0], action)

    return before.memory[0], after.memory[0], log_prob(after) - log_prob(before), metrics


HP = vmpo.VMPO(
    net=ActorCritic(hidden=()), num_envs=40, num_steps=1, num_epochs=5, num_minibatches=1,
    learning_rate=0.03, dual_rate=0.01, value_coef=0.0,
)  # fmt: skip


def test_the_temperature_learns_to_put_the_weights_at_their_bound():
    hp = replace(HP, bound=0.3, learning_rate=0.0, dual_rate=0.01, num_epochs=1_500)
    _, after, _, _ = learned(hp)
    psi = np.asarray(vmpo.weighed(GAIN, after.eta)[0])[0]
    psi = psi[psi > 0]
    np.testing.assert_allclose((psi * np.log(20 * psi)).sum(), 0.3, rtol=0.02)


def test_the_multiplier_grows_where_the_policy_goes_too_far_and_falls_where_it_may_go_on():
    before, after, _, metrics = learned(replace(HP, max_kl=1e-6))
    assert metrics["kl"] > 1e-6 and after.alpha > before.alpha
    before, after, _, metrics = learned(replace(HP, max_kl=1.0))
    assert metrics["kl"] < 1.0 and after.alpha < before.alpha


def test_good_actions_grow_more_likely_and_a_large_multiplier_holds_the_policy():
    free = replace(HP, multiplier=1e-6, dual_rate=0.0)
    _, _, change, metrics = learned(free)
    psi, _ = vmpo.weighed(GAIN, jnp.float32(free.temperature))
    assert (psi * change).sum() > 0.01
    _, _, _, held = learned(replace(free, multiplier=1e4))
    assert held["kl"] < 0.2 * metrics["kl"]
