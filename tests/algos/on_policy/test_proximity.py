"""PPO with penalties on the KL: PPO-KL and MDPO, on a batch that holds every action once."""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.algos.on_policy import mdpo, ppo, ppo_kl
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.nets.actor_critic import ActorCritic
from jaxac.ops.advantage import Unscaled
from jaxac.ops.optimiser import SGD, Adam
from jaxac.ops.proximity import Adaptive, Controlled, Forward, Free, Mirror
from jaxac.ops.surrogate import Ratio
from jaxac.runners import advantage
from jaxac.runners.advantage import Batch, Learner, Rollout
from jaxac.runners.on_policy import Trajectory

ENV = as_env(mdp.random_walk(5), "walk", time_limit=100)
COMMON = dict(
    net=ActorCritic(hidden=()), advantage=Unscaled(), value_coef=0.0, entropy_coef=0.0,
    max_grad_norm=1e9, num_envs=10, num_steps=1, num_minibatches=1,
)  # fmt: skip
GAIN = np.random.default_rng(0).normal(size=(5, 2)).astype(np.float32)


def learned(hp):
    """Log-probabilities [S, A] before and after an update, and the learner's memory.

    The batch holds every action of every state once, weighed by its probability.
    """
    built = advantage.parts(ENV, hp)
    obs = jnp.repeat(jnp.eye(5), 2, axis=0)[None]
    action = jnp.tile(jnp.arange(2), 5)[None]
    params = built.net.init(jax.random.key(0), obs[0])
    params = jax.tree.map(lambda x: x + jax.random.normal(jax.random.key(x.size), x.shape), params)

    def log_prob(params):
        out = built.net.scan(params, (), obs, None)[0]
        return built.head.log_prob(out, action)

    before = log_prob(params)
    weighed = jnp.exp(before) * GAIN.reshape(1, 10) * 2.0  # two actions to a state
    batch = Batch(obs, action, None, before, 0.0 * before, weighed, weighed)
    traj = cast(Any, Trajectory)(obs, action, before, None, None)
    rollout = Rollout(traj, (), (), lambda obs: obs, lambda params, stats: (stats, batch, {}))
    memory = ppo.remember(jax.random.key(0), hp, params, obs)
    learner = Learner(params, built.optimiser.init(params), memory)
    after, _, _ = jax.jit(lambda x: ppo.learn(built, hp, jax.random.key(1), x, rollout))(learner)
    table = (np.asarray(x).reshape(5, 2) for x in (before, log_prob(after.params)))
    return (*table, after.memory["proximity"])


def test_the_optimum_of_mirror_descent_is_the_old_policy_times_exp_of_the_gain():
    step = 0.7
    many = mdpo.mdpo(
        **COMMON, proximity=Mirror(step), optimiser=Adam(), learning_rate=0.03, num_epochs=1_500
    )
    before, after, _ = learned(many)
    want = before + step * GAIN
    want -= np.logaddexp(want[:, :1], want[:, 1:])
    np.testing.assert_allclose(after, want, atol=1e-3)
    assert np.abs(after - before).max() > 0.1


def test_the_first_step_of_a_penalty_is_that_of_plain_ratios():
    plain = ppo.PPO(**COMMON, surrogate=Ratio(), optimiser=SGD(), learning_rate=0.1, num_epochs=1)
    _, want, _ = learned(plain)
    for proximity in (Forward(5.0), Mirror(0.1), Adaptive(start=5.0)):
        _, got, _ = learned(replace(plain, proximity=proximity))
        np.testing.assert_allclose(got, want, atol=1e-5)


def test_at_no_cost_it_is_the_parent():
    free = ppo_kl.ppo_kl(**COMMON, optimiser=SGD(), learning_rate=0.1, num_epochs=5)
    _, want, _ = learned(replace(free, proximity=Free()))
    _, got, _ = learned(replace(free, proximity=Forward(0.0)))
    _, held, _ = learned(replace(free, proximity=Forward(50.0)))
    np.testing.assert_allclose(got, want, atol=1e-6)
    assert np.abs(held - want).max() > 0.01


def test_the_cost_doubles_or_halves_as_the_policy_goes_too_far_or_not_far_enough():
    plan, start = Adaptive(target=0.01, start=3.0, slack=1.5), jnp.float32(3.0)
    for kl, want in ((0.0151, 6.0), (0.0149, 3.0), (0.0067, 3.0), (0.0066, 1.5)):
        assert plan.update(start, jnp.float32(kl)) == want
    low = high = start
    for _ in range(200):
        low, high = plan.update(low, jnp.float32(0.0)), plan.update(high, jnp.float32(9.0))
    assert 0.0 < low < 1e-3 and 1e3 < high < jnp.inf
    assert plan.update(low, jnp.float32(9.0)) == 2.0 * low
    hp = ppo_kl.ppo_kl(**COMMON, optimiser=SGD(), num_epochs=5)
    assert learned(replace(hp, learning_rate=10.0))[2] == 2.0
    assert learned(replace(hp, learning_rate=1e-4))[2] == 0.5


def test_a_controller_settles_where_the_kl_is_its_target():
    """Of updates that go less far the dearer it is: KL = 0.1 / (1 + price)."""
    law = Controlled(target=0.02)
    memory = law.init()
    one = jnp.ones(3)
    for _ in range(300):
        price = float(law(memory, one, 0.0 * one)[0])
        memory = law.update(memory, 0.1 / (1.0 + price) * one)
    assert abs(0.1 / (1.0 + price) - 0.02) < 1e-3
    assert float(law(law.init(), one, one)[0]) == 0.0, "nothing costs before it was measured"
