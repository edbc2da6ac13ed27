import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.envs import Box, Discrete, Env, TimeStep, loop
from jaxac.envs.resets import ByPlatform, EveryStep, Pool, WhenNeeded

T, N = 40, 4


def walk(resets):
    """Starts at a random number; ends after 3 to 6 steps, as the number says."""

    def reset(key, params):
        x = jax.random.uniform(key, minval=3.0, maxval=7.0) + params
        return (x, jnp.int32(0)), x[None]

    def step(key, state, action, params):
        del key, params
        x, time = state
        obs = (x + 0.1 * action)[None]
        return (x, time + 1), TimeStep(obs, x, time + 1 >= x, jnp.bool_(False))

    return Env("walk", reset, step, 0.0, Box((1,)), Discrete(2), lambda params: 5, resets)


def run(env, key, params=0.0):
    def one(envs, key):
        after, outcome = loop.step(key, env, params, envs, jnp.zeros(N, jnp.int32))
        return after, (envs.obs, outcome)

    first = loop.start(key, env, params, N)
    return jax.lax.scan(one, first, jax.random.split(key, T))[1]


def equal(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_resets_when_needed_are_those_of_every_step():
    key = jax.random.key(0)
    plans = EveryStep(), WhenNeeded(), ByPlatform()
    each, needed, default = (run(walk(resets), key) for resets in plans)
    equal(each, needed)
    equal(each, default)
    assert 2 * N < needed[1].done.sum() < T * N / 2


def test_lanes_and_lanes_of_lanes_reset_when_needed_as_one_alone_does():
    env = walk(WhenNeeded())
    keys, shifts = jax.random.split(jax.random.key(1), (2, 3)), jnp.asarray([0.0, 10.0, 20.0])

    def lanes(keys):
        return jax.vmap(lambda key, shift: run(env, key, shift))(keys, shifts)

    wide = jax.jit(jax.vmap(lanes))(keys)
    for i in range(2):
        for j in range(3):
            alone = run(env, keys[i, j], shifts[j])
            equal(jax.tree.map(lambda x, at=(i, j): x[at], wide), alone)


@pytest.mark.parametrize(
    ("resets", "backend", "conditions"),
    [
        (EveryStep(), "cpu", 0),
        (WhenNeeded(), "gpu", 1),
        (ByPlatform(), "cpu", 1),
        (ByPlatform(), "gpu", 0),
    ],
)
def test_lanes_ask_together_whether_a_reset_is_needed(monkeypatch, resets, backend, conditions):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    env = walk(resets)
    keys = jax.random.split(jax.random.key(1), 3)
    program = jax.make_jaxpr(jax.vmap(lambda key: run(env, key)))(keys)
    assert str(program).count(" cond[") == conditions


def test_a_pool_gives_no_more_first_states_than_it_holds_and_all_of_them():
    env, key = walk(Pool(3)), jax.random.key(2)
    obs, outcome = jax.jit(lambda key: run(env, key))(key)
    after_reset = np.asarray(obs)[1:][np.asarray(outcome.done)[:-1]]
    assert len(after_reset) > 20 and len(np.unique(after_reset)) == 3
    equal(np.unique(after_reset), np.unique(loop.start(key, env, 0.0, N).kept[1]))


def test_an_evaluation_makes_no_pool():
    env = walk(Pool(3))
    assert jax.tree.leaves(loop.start(jax.random.key(0), env, 0.0, N, auto_reset=False).kept) == []


def test_a_pool_has_at_least_one_state():
    from jaxac.errors import ConfigError

    with pytest.raises(ConfigError, match="size"):
        Pool(0)


def test_agents_have_rewards_and_returns_of_their_own():
    env = walk(EveryStep())

    def step(key, state, action, params):
        state, s = env.step(key, state, action[0], params)
        return state, dataclasses.replace(s, reward=jnp.stack([s.reward, -s.reward]))

    def both(key, params):
        return env.reset(key, params)

    pair = dataclasses.replace(env, reset=both, step=step, num_agents=2)
    first = loop.start(jax.random.key(0), pair, 0.0, N)
    after, outcome = loop.step(jax.random.key(1), pair, 0.0, first, jnp.zeros((N, 2), jnp.int32))
    assert first.episode_return.shape == outcome.reward.shape == (N, 2)
    assert after.elapsed.shape == outcome.done.shape == (N,)
    equal(outcome.episode_return, outcome.reward)
