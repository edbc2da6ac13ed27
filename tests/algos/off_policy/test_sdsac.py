"""SDSAC: what it adds to discrete SAC, and discrete SAC as its limit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import config
from jaxac.algos.off_policy import sac_discrete, sdsac
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.heads.returns import Value
from jaxac.ops.entropy_penalty import Free, SquaredChange
from jaxac.ops.reduce import Mean, Min
from jaxac.ops.value_loss import ClippedSquared, Squared

ENV = as_env(mdp.chain(4), "chain", time_limit=20)
TINY = {
    "actor.net.trunk.hidden": (8,),
    "critic.net.trunk.hidden": (8,),
    "actor.learning_rate": 1e-2,
    "critic.learning_rate": 1e-2,
    "num_envs": 3,
    "num_steps": 2,
    "num_updates": 12,
    "warm_up": 12,
    "batch_size": 16,
    "replay.capacity": 256,
    "eval_episodes": 2,
}


@functools.cache
def program():
    algorithm = sac_discrete.make(ENV)
    return jax.jit(lambda hp: algorithm.chunk(algorithm.init(jax.random.key(0), hp))[0])


def params(hp, **changes):
    return program()(config.configure(hp, {**TINY, **changes})).learner.params


def assert_equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.usual_emitters
def test_without_its_changes_it_is_discrete_sac():
    """Bit for bit: no weight on changes, the plain loss, the least critic."""
    hp = sdsac.sdsac()
    free = {"actor.penalty": SquaredChange(0.0), "critic.value_loss": Squared()}
    limit = params(hp, **free, **{"actor.reduce": Min(), "critic.reduce": Min()})
    base = params(sac_discrete.SACDiscrete())
    assert_equal(limit, base)
    own = params(hp)
    for name in ("actor", "critic"):
        with pytest.raises(AssertionError):
            assert_equal(own[name], base[name])


def test_each_operator_is_the_one_it_limits():
    x, y, t = (jax.random.normal(k, (50,)) for k in jax.random.split(jax.random.key(0), 3))
    assert_equal(SquaredChange(0.0)(x, y), Free()(x, y))
    np.testing.assert_allclose(ClippedSquared(1e3)(x, y, t), Squared()(x, y, t), rtol=1e-3)
    loss = np.maximum((x - t) ** 2, (y + np.clip(x - y, -0.5, 0.5) - t) ** 2) / 2
    np.testing.assert_allclose(ClippedSquared(0.5)(x, y, t), loss, rtol=1e-5)
    np.testing.assert_allclose(SquaredChange(0.5)(x, y), (x - y) ** 2 / 2, rtol=1e-5)


def test_the_mean_is_above_the_least_by_half_the_gap():
    q = jax.random.normal(jax.random.key(1), (2, 30, 3, 1))
    gap = Mean()(Value(), q) - Min()(Value(), q)
    np.testing.assert_allclose(gap, jnp.abs(q[0] - q[1]) / 2, atol=1e-6)


def test_the_mean_underestimates_less_in_a_noisy_bandit():
    """Two unbiased estimates with noise of size 1: the least of them is low by 1 / sqrt(pi)."""
    true = jnp.array([1.0, 0.5, -0.5])
    q = true[:, None] + jax.random.normal(jax.random.key(2), (2, 20_000, 3, 1))
    low = {type(op): (op(Value(), q)[..., 0] - true).mean() for op in (Mean(), Min())}
    np.testing.assert_allclose(low[Mean], 0.0, atol=0.02)
    np.testing.assert_allclose(low[Min], -1.0 / np.sqrt(np.pi), atol=0.02)


def test_the_penalty_is_of_the_entropy_when_the_sample_was_taken():
    """Random actions at the beginning have all of it; a policy that has moved has less."""
    hp = config.configure(sdsac.sdsac(), {**TINY, "temperature.start": 1e-3})
    entropy = np.asarray(program()(hp).replay.ring.rows.action.entropy)[:24]
    np.testing.assert_allclose(entropy[:4], np.log(2.0), rtol=1e-6)
    assert (np.abs(entropy[4:] - np.log(2.0)) > 1e-4).mean() > 0.8
