"""SAC v1: the network of the value of a state, and the target of SAC as what it stands for."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.off_policy import sac_v1
from jaxac.core import replace
from jaxac.ops.backup import OneStep
from jaxac.runners import actor_critic

from .short import assert_close, drawn, tiny


@pytest.fixture(scope="module")
def run():
    hp = tiny(sac_v1.sac_v1())
    built, learner, batch = drawn(hp)
    return hp, learner, actor_critic.functions(built, hp, learner), batch


def test_with_the_mean_in_place_of_the_network_the_target_is_that_of_sac(run):
    """One of the policy's actions, the least of the critics, the temperature."""
    hp, _, nets, batch = run
    key = jax.random.key(2)
    value = hp.backup.soft_value(key, nets, batch.final_obs)
    want = OneStep()(key, (), nets, batch)[:, 0]
    np.testing.assert_allclose(batch.reward + batch.discount * value, want, rtol=1e-5, atol=1e-5)
    assert float(jnp.abs(value).max()) > 0.01


def test_critics_are_trained_towards_the_slow_network_alone(run):
    """r + d V'(s'), row by row; the network of now does not matter."""
    hp, learner, nets, batch = run
    got = hp.backup(jax.random.key(0), learner.backup, nets, batch)[:, 0]
    net = hp.backup.value_net(batch.final_obs)
    for i, obs in enumerate(batch.final_obs):
        value = net.apply(learner.backup.slow, None, obs[None])[0, 0, 0]
        np.testing.assert_allclose(got[i], batch.reward[i] + batch.discount[i] * value, rtol=1e-5)
    zero = replace(learner.backup, params=jax.tree.map(jnp.zeros_like, learner.backup.params))
    np.testing.assert_array_equal(hp.backup(jax.random.key(0), zero, nets, batch)[:, 0], got)
    zero = replace(learner.backup, slow=jax.tree.map(jnp.zeros_like, learner.backup.slow))
    ended = hp.backup(jax.random.key(0), zero, nets, batch)[:, 0]
    np.testing.assert_array_equal(ended, batch.reward)


def test_the_network_learns_the_mean_over_the_policys_actions(run):
    """min Q - alpha log pi over 20,000 actions in each of four states, and what 600 steps learn."""
    hp, learner, nets, batch = run
    four = jax.tree.map(lambda x: jnp.tile(x[:4], (8, *[1] * (x.ndim - 1))), batch)
    op = replace(hp.backup, learning_rate=3e-2)

    def step(memory, x):
        key, share = x
        return replace(op, learning_rate=3e-2 * share).learn(key, memory, nets, four)

    keys = jax.random.split(jax.random.key(1), 600)
    run = jax.jit(lambda memory: jax.lax.scan(step, memory, (keys, jnp.linspace(1, 0, 600))))
    memory, _ = run(learner.backup)
    got = op.value_net(four.obs).apply(memory.params, None, four.obs[:4])[:, 0, 0]
    many = jnp.repeat(four.obs[:4], 20_000, axis=0)
    want = op.soft_value(jax.random.key(3), nets, many).reshape(4, -1).mean(1)
    np.testing.assert_allclose(got, want, atol=0.05)
    assert memory.step == learner.backup.step + 600


def test_the_slow_network_moves_by_tau(run):
    hp, learner, nets, batch = run
    after, metrics = hp.backup.learn(jax.random.key(0), learner.backup, nets, batch)
    want = jax.tree.map(
        lambda old, new: 0.995 * old + 0.005 * new, learner.backup.slow, after.params
    )
    assert_close(after.slow, want)
    assert metrics["value_loss"] > 0 and not jax.tree.leaves(learner.slow)
