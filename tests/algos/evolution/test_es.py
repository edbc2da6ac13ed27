"""Evolution strategies: what policies earn, and how far their distribution moves for it."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree

from jaxac.algos.evolution import es
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.errors import ConfigError
from jaxac.nets.mlp import MLP
from jaxac.ops.strategy import SNES, OpenES, SepCMA

CHAIN = as_env(mdp.chain(5), "chain", time_limit=12)
RANDOM = as_env(mdp.garnet(jax.random.key(3), 6, 3, 4), "random", time_limit=12)
HP = es.ES(population=8, num_steps=12, num_updates=1, trunk=MLP(hidden=(8,)), strategy=OpenES())


def test_policies_earn_their_first_episode_and_no_more():
    """Who goes right at every step, and who does not, on a chain that pays at its end."""

    def act(obs):
        return jnp.asarray([1, 0, 1])

    params = CHAIN.params
    returns, lengths = es.earned(CHAIN, params, jax.random.key(0), act, 3, 12)
    np.testing.assert_array_equal(returns, [1.0, 0.0, 1.0])
    np.testing.assert_array_equal(lengths, [4, 12, 4])
    cut, _ = es.earned(CHAIN, params, jax.random.key(0), act, 3, 3)
    np.testing.assert_array_equal(cut, 0.0)


def test_an_update_is_the_ranked_sum_of_perturbations():
    """Against the estimator of the paper, by hand, from the policies that were drawn."""
    hp = replace(HP, strategy=OpenES(learning_rate=0.1, std=0.3))
    algorithm = es.make(RANDOM)
    before = algorithm.init(jax.random.key(0), hp)
    after, told = jax.jit(algorithm.chunk)(before)
    key = jax.random.split(jax.random.fold_in(before.key, 0), 3)
    head, init, apply = es.parts(RANDOM, hp)
    params = init(jax.random.key(0), jnp.zeros(6))
    flat, unravel = ravel_pytree(params)
    half = jax.random.normal(key[0], (4, flat.size))
    noise = jnp.concatenate([half, -half])
    policies = jax.vmap(unravel)(ravel_pytree(before.params)[0] + 0.3 * noise)

    def act(obs):
        return head.mode(jax.vmap(apply)(policies, obs))

    returns, _ = es.earned(RANDOM, RANDOM.params, key[1], act, 8, 12)
    assert len(set(np.asarray(returns).tolist())) == 8  # no ties, whose order is evosax's own
    ranks = np.empty(8)
    ranks[np.argsort(-np.asarray(returns), kind="stable")] = np.arange(8)
    grad = (ranks / 7 - 0.5) @ np.asarray(noise) / (8 * 0.3)
    adam = optax.adam(0.1)
    step, _ = adam.update(jnp.asarray(grad, jnp.float32), adam.init(flat))
    moved = ravel_pytree(after.params)[0] - ravel_pytree(before.params)[0]
    np.testing.assert_allclose(moved, step, atol=1e-5)
    np.testing.assert_allclose(told["episode_return"], returns.mean(), atol=1e-6)


@pytest.mark.parametrize(
    "strategy", [OpenES(0.1, 0.1), SNES(0.3), SepCMA(0.3)], ids=lambda x: type(x).__name__
)
def test_strategies_find_the_end_of_the_chain(strategy):
    hp = replace(HP, strategy=strategy, population=32, num_updates=40)
    algorithm = es.make(CHAIN)
    state = algorithm.init(jax.random.key(1), hp)
    state, _ = jax.jit(algorithm.chunk)(state)
    told = algorithm.evaluate(state)
    assert told["eval_return"] == 1.0 and told["eval_length"] == 4.0


def test_an_odd_population_is_refused():
    with pytest.raises(ConfigError, match="odd"):
        es.make(CHAIN).init(jax.random.key(0), replace(HP, population=7))
