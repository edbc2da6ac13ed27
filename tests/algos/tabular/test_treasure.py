"""Deep sea treasure: its front by enumeration, and what weighing objectives finds of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy import ppo
from jaxac.algos.tabular import exact
from jaxac.algos.tabular.env import make
from jaxac.algos.tabular.treasure import DEPTHS, TREASURES, objectives, treasure
from jaxac.core import replace
from jaxac.envs.params import set_env_params
from jaxac.errors import ConfigError, RegistryError
from jaxac.nets.actor_critic import ActorCritic
from jaxac.report.front import undominated

FRONT = [(TREASURES[c], -float(c + DEPTHS[c])) for c in range(10)]  # treasure and time of each


def best(columns, weights):
    """Treasure and time of the best policy for these weights, undiscounted but for ties."""
    mdp = treasure(columns)
    several = objectives(mdp, columns)
    reward = jnp.asarray(weights) @ several.reshape(2, -1)
    policy = exact.optimal_policy(replace(mdp, reward=reward.reshape(mdp.reward.shape)), 0.9999)
    found = [float(exact.policy_value(replace(mdp, reward=x), policy, 1.0)[0]) for x in several]
    return found[0], found[1]


def test_every_treasure_is_on_the_front_and_weights_find_the_hull_alone():
    """The front bends inwards: weights miss what lies in the bend."""
    assert undominated(np.asarray(FRONT)).all()
    found = {best(10, (w, 1.0 - w)) for w in np.linspace(0.001, 0.999, 60)}
    found = {(round(a, 2), round(b, 2)) for a, b in found}
    assert found == {(1.0, -1.0), (124.0, -19.0)}
    assert found < set(FRONT)


def test_lanes_of_one_program_learn_the_best_of_each_preference():
    """Preference weights are traced: policies of all of them are lanes, as C-MORL begins."""
    env = make("Treasure-3")
    algorithm, traces = ppo.make(env), []
    hp = ppo.PPO(
        num_envs=8, num_steps=32, num_updates=40, net=ActorCritic(hidden=(16,)),
        learning_rate=1e-2, gamma=0.99,
    )  # fmt: skip
    weights = jnp.asarray([[0.05, 0.95], [0.9, 0.1]])

    def begin(weights):
        return algorithm.init(jax.random.key(0), hp, replace(env.params, weights=weights))

    @jax.jit
    def train(states):
        traces.append(1)
        return jax.vmap(algorithm.chunk)(states)[0]

    states = jax.jit(jax.vmap(begin))(weights)
    for _ in range(3):
        states = train(states)
    assert len(traces) == 1
    each = []
    for one in ([1.0, 0.0], [0.0, 1.0]):  # the objectives, one by one, of the same policies
        same = jnp.broadcast_to(jnp.asarray(one), weights.shape)
        params = replace(states.env_params, weights=same)
        told = jax.jit(jax.vmap(algorithm.evaluate))(replace(states, env_params=params))
        each.append(np.asarray(told["eval_return"]))
    want = [best(3, w) for w in np.asarray(weights)]
    np.testing.assert_allclose(np.stack(each, 1), want, atol=1e-3)
    assert want[0] != want[1]


def test_preferences_are_set_by_name():
    params = set_env_params(make("Treasure-3").params, {"weights": [0.2, 0.8]})
    np.testing.assert_allclose(params.weights, [0.2, 0.8])
    assert params.weights.dtype == np.float32
    for wrong in ([0.2, 0.3, 0.5], [[0.2], [0.8]], [[0.2], 0.8]):
        with pytest.raises(ConfigError, match=r"env\.weights"):
            set_env_params(params, {"weights": wrong})


def test_there_are_ten_columns():
    with pytest.raises(RegistryError, match="2 to 10"):
        make("Treasure-11")
