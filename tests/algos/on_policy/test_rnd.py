"""Bonuses: counts that are exact, errors that fall where one has been, and PPO without them."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.on_policy import ppo, rnd
from jaxac.algos.tabular import mdp
from jaxac.algos.tabular.env import as_env
from jaxac.core import replace
from jaxac.envs import Box
from jaxac.nets.actor_critic import ActorCritic
from jaxac.ops.bonus import Counted, Distilled, Hashed, Unmoved
from jaxac.ops.normalise import Moments

GRID = as_env(mdp.grid(6, 6), "grid", time_limit=30)
HP = rnd.RND(num_envs=4, num_steps=32, num_updates=4, net=ActorCritic(hidden=(16,)))


def states(*rows):
    """One-hot observations [T, N, 6] of states."""
    return jax.nn.one_hot(jnp.asarray(rows), 6)


def test_counts_are_of_every_visit_and_bonuses_the_root_of_them():
    plan = Counted(0.5)
    memory = plan.init(jax.random.key(0), states([0, 1])[0])
    np.testing.assert_array_equal(plan(memory, states([0, 5])), 0.5)  # seen at most once
    for _ in range(3):
        memory = plan.update(jax.random.key(0), memory, states([0, 1], [0, 2]))
    np.testing.assert_array_equal(memory, [6, 3, 3, 0, 0, 0])
    want = 0.5 / np.sqrt([[6, 3], [1, 3]])
    np.testing.assert_allclose(plan(memory, states([0, 1], [5, 2])), want, rtol=1e-6)


def test_hashed_counts_are_counts_where_cells_tell_observations_apart():
    exact, hashed = Counted(0.5), Hashed(0.5, bits=16)
    obs = jnp.asarray(np.random.default_rng(0).integers(0, 6, (20, 3)))
    obs = jax.nn.one_hot(obs, 6)
    memories = [plan.init(jax.random.key(1), obs[0]) for plan in (exact, hashed)]
    memories = [
        plan.update(jax.random.key(0), m, obs)
        for plan, m in zip((exact, hashed), memories, strict=True)
    ]
    assert len(set(np.asarray(hashed.cells(memories[1], states(range(6)))).ravel())) == 6
    np.testing.assert_allclose(exact(memories[0], obs), hashed(memories[1], obs), rtol=1e-6)
    assert memories[1].counts.sum() == 60


def test_errors_fall_where_one_has_been_and_stay_where_one_has_not():
    plan = Distilled(1.0, learning_rate=1e-3, share=1.0)
    memory = plan.init(jax.random.key(0), states(range(6))[0])
    memory = memory._replace(
        moments=Moments(jnp.full(6, 1 / 6), jnp.full(6, 5 / 36), jnp.float32(1e9))
    )
    seen, new = states([0, 1, 2]), states([3, 4, 5])
    fixed = memory

    @jax.jit
    def update(memory, key):
        after = plan.update(key, memory, seen)
        return after._replace(moments=fixed.moments), ()

    memory, _ = jax.lax.scan(update, memory, jax.random.split(jax.random.key(1), 500))
    before, after = (
        np.asarray([plan.errors(fixed, m.predictor, x).mean() for x in (seen, new)])
        for m in (fixed, memory)
    )
    assert after[0] < 0.02 * before[0]
    assert after[1] > 0.2 * before[1]
    np.testing.assert_array_equal(
        jax.tree.leaves(memory.target)[0], jax.tree.leaves(fixed.target)[0]
    )


def test_the_usual_bonus_is_its_weight():
    plan = Distilled(0.5)
    obs = jax.random.normal(jax.random.key(2), (50, 4, 3)) * 7.0 + 3.0
    memory = plan.init(jax.random.key(0), obs[0])
    for i in range(3):
        memory = plan.update(jax.random.key(i), memory, obs)
    np.testing.assert_allclose(memory.moments.mean, obs.mean((0, 1)), rtol=1e-3)
    assert 0.3 < float(jnp.sqrt((plan(memory, obs) ** 2).mean())) < 0.7


def test_where_nothing_varies_there_is_no_bonus():
    plan, obs = Distilled(0.5), jnp.full((10, 4, 3), 0.5)
    memory = plan.init(jax.random.key(0), obs[0])
    for i in range(3):
        memory = plan.update(jax.random.key(i), memory, obs)
    np.testing.assert_allclose(plan(memory, obs), 0.0, atol=1e-5)


def named_grid():
    """The grid, its observation under a name, and one that the value alone sees."""

    def named(obs):
        return {"policy": obs, "critic": jnp.concatenate([obs, obs])}

    def reset(key, params):
        state, obs = GRID.reset(key, params)
        return state, named(obs)

    def step(key, state, action, params):
        state, s = GRID.step(key, state, action, params)
        return state, replace(s, obs=named(s.obs))

    space = {"policy": GRID.observation_space, "critic": Box((72,), 0.0, 1.0)}
    return dataclasses.replace(GRID, reset=reset, step=step, observation_space=space)


@pytest.mark.parametrize("bonus", [Distilled(), Hashed(bits=4)], ids=lambda x: type(x).__name__)
def test_observations_by_name_are_seen_as_the_policy_sees_them(bonus):
    algorithm = rnd.make(named_grid())
    state = jax.jit(algorithm.init)(jax.random.key(0), replace(HP, bonus=bonus))
    _, told = jax.jit(algorithm.chunk)(state)
    assert told["finite"] == 1.0 and told["bonus"] > 0.0


def test_without_a_bonus_it_is_ppo():
    got, _ = jax.jit(rnd.make(GRID).chunk)(
        jax.jit(rnd.make(GRID).init)(jax.random.key(0), replace(HP, bonus=Unmoved()))
    )
    same = {x: getattr(HP, x) for x in vars(ppo.PPO())}
    want, _ = jax.jit(ppo.make(GRID).chunk)(
        jax.jit(ppo.make(GRID).init)(jax.random.key(0), ppo.PPO(**same))
    )
    jax.tree.map(np.testing.assert_array_equal, got.learner.params, want.learner.params)


def test_counting_leads_further_than_chance():
    """A grid without reward: how evenly its cells are visited."""
    barren = as_env(replace(mdp.grid(6, 6), reward=jnp.zeros((36, 4))), "barren", time_limit=30)
    visits = {}
    for bonus in (Counted(0.0), Counted(1.0)):
        hp = replace(
            HP, bonus=bonus, num_updates=60, learning_rate=3e-3, entropy_coef=0.0, num_envs=8
        )
        algorithm = rnd.make(barren)
        state = jax.jit(algorithm.init)(jax.random.key(3), hp)
        state, _ = jax.jit(algorithm.chunk)(state)
        share = np.asarray(state.learner.memory["bonus"]) / state.learner.memory["bonus"].sum()
        visits[float(bonus.weight)] = -(share * np.log(np.maximum(share, 1e-9))).sum()
    assert visits[1.0] > visits[0.0] + 0.3
