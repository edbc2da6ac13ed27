"""Only singular values of a trained policy are searched, and they are enough for a shifted task."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.algos.evolution import es, essa
from jaxac.core import frozen, replace
from jaxac.envs import Box
from jaxac.envs.contract import Env, TimeStep
from jaxac.nets.mlp import MLP
from jaxac.ops.strategy import OpenES
from jaxac.ops.subspace import Everything, SingularValues


@frozen
class Params:
    """The slope of the line that actions are to lie on."""

    slope: float = 0.5


def line() -> Env:
    """One step: an observation in [-1, 1], and minus the squared distance to its place on it."""

    def reset(key, params):
        obs = jax.random.uniform(key, (1,), minval=-1.0, maxval=1.0)
        return obs, obs

    def step(key, obs, action, params):
        missed = jnp.square(action - params.slope * obs).sum()
        over = jnp.ones((), bool)
        return obs, TimeStep(obs, -missed, over, ~over)

    space = Box((1,), -1.0, 1.0)
    return Env("line", reset, step, Params(), space, space, lambda params: 1)


ENV = line()
BASE = es.ES(
    population=64, num_steps=1, num_updates=60, trunk=MLP(hidden=(8, 8)), eval_episodes=256,
    strategy=OpenES(learning_rate=0.03, std=0.05),
)  # fmt: skip


def mlp(key, rank=3):
    built = es.parts(ENV, BASE)
    params = built.init(key, jnp.zeros(1))
    return params, SingularValues(rank=rank)


def test_the_parameters_are_split_and_joined_again():
    params, subspace = mlp(jax.random.key(1))
    fixed, searched = subspace.split(params)
    for x, y in zip(
        jax.tree.leaves(params), jax.tree.leaves(subspace.join(fixed, searched)), strict=True
    ):
        np.testing.assert_allclose(x, y, atol=1e-6)
    assert [s.shape for s in searched] == [(1,), (3,), (1,)], "rank, or the shorter side"
    assert Everything().join(*Everything().split(params)) is params


def test_what_is_searched_are_the_largest_singular_values():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(9, 6)).astype(np.float32) * np.asarray([4, 3, 2, 1, 0.5, 0.2], np.float32)
    (rest, ((left, right),)), (values,) = SingularValues(rank=3, num_rounds=200).split([w])
    u, s, vt = np.linalg.svd(w)
    np.testing.assert_allclose(values, s[:3], rtol=1e-4)
    np.testing.assert_allclose(np.abs(np.sum(left * u[:, :3], 0)), 1.0, atol=1e-3)
    np.testing.assert_allclose(np.abs(np.sum(right * vt[:3].T, 0)), 1.0, atol=1e-3)
    np.testing.assert_allclose(np.linalg.svd(rest[0])[1][:3], s[3:6], rtol=1e-3, atol=1e-4)


def test_a_matrix_without_a_rank_has_a_split_too():
    fixed, searched = SingularValues(rank=2).split([jnp.zeros((3, 3)), jnp.zeros(3)])
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((fixed, searched)))


def test_singular_values_alone_adapt_a_trained_policy_to_a_shifted_task():
    plain = es.make(ENV)
    trained, _ = jax.jit(plain.chunk)(plain.init(jax.random.key(0), BASE))
    before = plain.evaluate(trained)["eval_return"]
    assert before > -0.01

    hp = replace(essa.essa(), num_steps=1, num_updates=60, population=64, trunk=BASE.trunk)
    hp = replace(hp, eval_episodes=256, subspace=SingularValues(rank=4))
    shifted = Params(slope=-0.3)
    start = essa.make(ENV).init(jax.random.key(1), hp, shifted)
    start = es.begin(start, trained.params)
    same = essa.make(ENV).act(start, jnp.asarray([[0.5], [-0.2]]))[0]
    np.testing.assert_allclose(same, plain.act(trained, jnp.asarray([[0.5], [-0.2]]))[0], atol=1e-5)
    poor = plain.evaluate(start)["eval_return"]
    after, _ = jax.jit(plain.chunk)(start)
    found = plain.evaluate(after)["eval_return"]
    assert poor < -0.1 and found > 0.1 * poor
    for x, y in zip(jax.tree.leaves(start.fixed), jax.tree.leaves(after.fixed), strict=True):
        np.testing.assert_array_equal(x, y)


def test_where_all_policies_earn_alike_the_search_stays_alive():
    def step(key, obs, action, params):
        over = jnp.ones((), bool)
        return obs, TimeStep(obs, jnp.ones(()), over, ~over)

    flat = dataclasses.replace(ENV, step=step)
    hp = replace(essa.essa(), num_steps=1, num_updates=400, population=16, trunk=BASE.trunk)
    algorithm = essa.make(flat)
    state, _ = jax.jit(algorithm.chunk)(algorithm.init(jax.random.key(0), hp))
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(state.params))
    np.testing.assert_allclose(state.strategy.std, hp.strategy.least * hp.strategy.std, rtol=1e-5)
