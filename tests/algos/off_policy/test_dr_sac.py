"""DR-SAC: the dual against brute force, the learned multiplier and model, SAC as the limit."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.off_policy import dr_sac, sac
from jaxac.core import frozen, replace
from jaxac.data.replay import Batch
from jaxac.errors import EnvError
from jaxac.heads.returns import Value
from jaxac.nets import MLP
from jaxac.nets.critic import Plain
from jaxac.ops.backup import Nets, OneStep, Robust
from jaxac.ops.backup.nominal import Autoencoder, Replayed
from jaxac.ops.backup.robust import dual
from jaxac.runners.actor_critic import functions

from .short import assert_close, drawn, learned, tiny

KEY = jax.random.key(0)
POINTS = jnp.array([-2.0, 0.5, 1.0])
SMALL = MLP((32,))


@frozen
class Given:
    """A nominal model of three equally likely next observations, whatever is done."""

    def init(self, key, obs, action):
        return ()

    def sample(self, key, memory, batch, num):
        return jnp.broadcast_to(POINTS[:, None, None], (num, batch.reward.shape[0], 1))

    def learn(self, key, memory, batch):
        return memory, {}


def least_mean(value, radius):
    """Over all distributions of a grid on three values, within `radius` nats of the uniform one."""
    share = np.arange(0, 201) / 200
    p = np.asarray([(a, b, 1 - a - b) for a in share for b in share if a + b <= 1 + 1e-9])
    p = np.clip(p, 1e-12, 1.0)
    held = p[(p * np.log(3 * p)).sum(1) <= radius]
    return (held @ np.asarray(value)).min()


def highest_dual(value, radius):
    return max(float(dual(value, jnp.float32(b), radius)) for b in np.exp(np.linspace(-5, 9, 400)))


def made(num=16):
    """A batch of next value 0.5 times itself, and networks whose V(s') is s' itself."""
    obs, zero = jax.random.normal(KEY, (num, 1)), jnp.zeros(num)
    half = jnp.full(num, 0.5)
    batch = Batch(obs, 0.1 * obs, zero + 1.0, half, obs, half, zero.astype(int))

    def policy(key, obs):
        return jnp.zeros_like(obs), jnp.zeros(obs.shape[0])

    return batch, Nets(0.0, Value(), policy, policy, lambda *x: None, lambda key, obs, action: obs)


def test_the_dual_is_the_worst_distribution_of_the_ball():
    for radius in (0.0, 0.05, 0.3, 0.8):
        want = least_mean(POINTS, radius) if radius else float(POINTS.mean())
        np.testing.assert_allclose(highest_dual(POINTS, radius), want, atol=0.02)


def test_no_multiplier_beats_the_worst_distribution():
    """Weak duality: the dual of every b is at most the least mean."""
    for b, radius in itertools.product((0.1, 1.0, 10.0), (0.05, 0.3)):
        assert dual(POINTS, jnp.float32(b), radius) <= least_mean(POINTS, radius) + 0.02


def test_a_ball_of_one_point_is_sac():
    """Radius 0 around the transition itself: targets, and parameters after some rounds."""
    one = {"backup.model": Replayed(), "backup.radius": 0.0, "backup.num_samples": 1}
    hp, base = tiny(dr_sac.dr_sac(), **one), tiny(sac.sac())
    built, learner, batch = drawn(hp)
    nets = functions(built, hp, learner)
    got = hp.backup(KEY, learner.backup, nets, batch)
    np.testing.assert_allclose(got, OneStep()(KEY, (), nets, batch), rtol=1e-5, atol=1e-5)
    assert_close(learner.params, learned(base).params, rtol=1e-3, atol=1e-5)


def test_multipliers_are_learned_until_targets_are_the_worst_case():
    """1 + 0.5 least mean, and nothing of it where the task ended."""
    batch, nets = made()
    op = Robust(0.3, 1e-2, Plain(SMALL), Given(), num_samples=3)
    memory = op.init(KEY, batch.obs, batch.action, 2)
    keys = jax.random.split(KEY, 300)
    learn = jax.jit(lambda m: jax.lax.scan(lambda m, k: op.learn(k, m, nets, batch), m, keys))
    memory, metrics = learn(memory)
    batch = replace(batch, discount=batch.discount.at[0].set(0.0))
    target = op(KEY, memory, nets, batch)[:, 0]
    np.testing.assert_allclose(target[1:], 1.0 + 0.5 * least_mean(POINTS, 0.3), atol=0.02)
    assert target[0] == 1.0 and metrics["dual"][-1] > 0


def test_targets_fall_as_the_ball_grows():
    batch, nets = made()
    op = Robust(0.0, net=Plain(SMALL), model=Given(), num_samples=3)
    memory = op.init(KEY, batch.obs, batch.action, 2)
    found = [replace(op, radius=r)(KEY, memory, nets, batch) for r in (0.0, 0.1, 0.5)]
    for more, less in itertools.pairwise(found):
        assert (less < more).all()
    assert (found[0] < 1.0 + 0.5 * POINTS.mean()).all()


def test_the_model_learns_two_outcomes_and_what_the_action_does():
    """s' = 2 a + 3 or 2 a - 3, each as likely: the mean follows a, the spread is near 3."""
    op = Autoencoder(1e-2, SMALL, size=2)
    key_learn, key_sample = jax.random.split(KEY)
    action = jnp.tile(jnp.linspace(-1.0, 1.0, 128), 2)[:, None]
    side = jnp.repeat(jnp.array([3.0, -3.0]), 128)[:, None]
    obs, zero = jnp.zeros((256, 1)), jnp.zeros(256)
    batch = Batch(obs, action, zero, zero, 2.0 * action + side, zero, zero.astype(int))
    keys = jax.random.split(key_learn, 1_000)
    learn = jax.jit(lambda m: jax.lax.scan(lambda m, k: op.learn(k, m, batch), m, keys))
    memory, metrics = learn(op.init(KEY, obs, action))
    drawn = op.sample(key_sample, memory, batch, 200)  # [200, 256, 1]
    slope = np.polyfit(np.asarray(action[:, 0]), np.asarray(drawn.mean((0, 2))), 1)[0]
    np.testing.assert_allclose(slope, 2.0, atol=0.5)
    np.testing.assert_allclose(drawn.std(0).mean(), 3.0, atol=0.6)
    assert metrics["model_loss"][-50:].mean() < 0.5 * metrics["model_loss"][0]


def test_observations_with_names_are_refused_by_the_model():
    with pytest.raises(EnvError, match="Replayed"):
        Autoencoder().init(KEY, {"policy": jnp.zeros((2, 1))}, jnp.zeros((2, 1)))
