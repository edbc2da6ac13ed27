"""Control of the entropy inside PPO: nothing at weight 0, and a floor that training keeps to."""

import functools
from typing import Any

import jax
import numpy as np

from jaxac.algos.on_policy import epo, ppo
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.nets.actor_critic import ActorCritic
from jaxac.ops.entropy_control import AtLeast, Banded
from jaxac.ops.multiplier import Ascent

ENV = as_env(mdp.chain(5), "chain", time_limit=12)
SMALL: dict[str, Any] = dict(
    net=ActorCritic(hidden=()), num_envs=16, num_steps=12, learning_rate=1e-2, entropy_coef=0.0
)


@functools.cache
def trained(hp, num_updates):
    algorithm = ppo.make(ENV)
    chunk = jax.jit(algorithm.chunk)
    state, entropies = jax.jit(algorithm.init)(jax.random.key(0), hp), []
    for _ in range(num_updates // hp.num_updates):
        state, metrics = chunk(state)
        entropies.append(float(metrics["entropy"]))
    return state, entropies


def test_without_weight_it_is_ppo():
    want, _ = trained(ppo.PPO(**SMALL, num_updates=4), 8)
    got, _ = trained(epo.epo(**SMALL, num_updates=4, entropy=Banded(weight=0.0)), 8)
    for x, y in zip(
        jax.tree.leaves(want.learner.params), jax.tree.leaves(got.learner.params), strict=True
    ):
        np.testing.assert_array_equal(x, y)
    assert want.learner.memory["entropy"] == () and got.learner.memory["entropy"][1] == 8


def test_a_band_slows_the_fall_of_the_entropy():
    _, free = trained(ppo.PPO(**SMALL, num_updates=4), 160)
    _, held = trained(epo.epo(**SMALL, num_updates=4, entropy=Banded(weight=1.0)), 160)
    assert np.mean(held) > np.mean(free) + 0.1, (np.mean(held), np.mean(free))


def test_training_keeps_to_a_least_entropy():
    floor = AtLeast(target=0.5, price=Ascent(rate=0.05))
    _, free = trained(ppo.PPO(**SMALL, num_updates=4), 160)
    state, held = trained(ppo.PPO(**SMALL, num_updates=4, entropy=floor), 160)
    assert free[-1] < 0.4 and abs(np.mean(held[-5:]) - 0.5) < 0.1
    assert state.learner.memory["entropy"] > 0.0
