"""Brax and Playground tasks, side by side with the suites' own un-reset environments."""

import functools
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import replace
from jaxac.envs.adapters import brax, playground
from jaxac.errors import RegistryError

T = 60
TASKS = ("brax/inverted_pendulum-spring", "playground/CartpoleSwingup")


class Pair:
    """A task of ours with the suite's own, both stepped from one key."""

    def __init__(self, name):
        suite, _, task = name.partition("/")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Brax says at length that it is in maintenance
            if suite == "brax":
                from brax import envs

                self.env = brax.make(task)
                name, _, backend = task.partition("-")
                self.theirs = envs.get_environment(name, backend=backend)
            else:
                from mujoco_playground import dm_control_suite

                config = dm_control_suite.get_default_config(task)
                config.impl = "jax"
                self.env = playground.make(task)
                self.theirs = dm_control_suite.load(task, config=config)
        env = self.env
        self.traces = []
        size = env.action_space.size
        self.actions = np.random.default_rng(0).uniform(-1, 1, (T, size)).astype(np.float32)

        def ours(key, params):
            self.traces.append(1)
            state, first = env.reset(key, params)

            def one(state, action):
                state, s = env.step(key, state, action, params)
                return state, (s.obs, s.reward, s.terminated, s.truncated)

            state, rows = jax.lax.scan(one, state, self.actions)
            return first, rows, state

        def original(key):
            state = self.theirs.reset(key)

            def one(state, action):
                after = self.theirs.step(state, action)
                after = jax.tree.map(lambda x, y: jnp.asarray(x, y.dtype), after, state)
                return after, (after.obs, after.reward, after.done)

            return state.obs, jax.lax.scan(one, state, self.actions)[1]

        self.ours = jax.jit(jax.vmap(ours, (None, 0)))
        self.original = jax.jit(original)


@functools.cache
def pair(name):
    return Pair(name)


def params_of(env, gravity):
    each = [replace(env.params, gravity=g) for g in gravity]
    return jax.tree.map(lambda *x: np.asarray(x, np.float32), *each)


@pytest.mark.parametrize("name", TASKS)
def test_every_step_is_the_suites_own_and_gravity_is_traced(name):
    p = pair(name)
    key = jax.random.key(4)
    gravity = (p.env.params.gravity, 0.0)
    first, (obs, reward, terminated, truncated), _ = p.ours(key, params_of(p.env, gravity))
    want_first, (want_obs, want_reward, want_done) = p.original(jax.random.key_data(key))
    np.testing.assert_allclose(first[0], want_first, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(obs[0], want_obs, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(reward[0], want_reward, rtol=2e-3, atol=2e-4)
    np.testing.assert_array_equal(terminated[0], np.asarray(want_done) > 0)
    assert not truncated.any()
    assert np.abs(obs[1] - obs[0]).max() > 0.01
    assert terminated[0].any() == (name == TASKS[0])
    p.ours(key, params_of(p.env, (-1.0, -2.0)))
    assert len(p.traces) == 1
    assert p.env.time_limit(p.env.params) == 1000


@pytest.mark.parametrize("name", TASKS)
def test_a_simulation_that_diverges_ends_with_reward_0_and_no_nan(name):
    env = pair(name).env

    def poisoned(key):
        state, _ = env.reset(key, env.params)
        state = jax.tree.map(
            lambda x: jnp.full_like(x, jnp.nan) if jnp.issubdtype(x.dtype, jnp.floating) else x,
            state,
        )
        return env.step(key, state, jnp.zeros(env.action_space.shape), env.params)[1]

    after = jax.jit(poisoned)(jax.random.key(0))
    assert bool(after.terminated) and after.reward == 0 and np.isfinite(after.obs).all()


def test_each_brax_task_names_its_backend():
    assert {"ant", "ant-spring", "ant-positional", "ant-mjx"} <= set(brax.ids())
    with pytest.raises(RegistryError, match="ant-spring"):
        brax.make("ant-sprung")


def test_the_ids_are_those_of_the_suites():
    from brax import envs
    from mujoco_playground import dm_control_suite

    assert sorted(brax.TASKS + brax.LEFT_OUT) == sorted(envs._envs)
    assert sorted(playground.ids()) == sorted(dm_control_suite.ALL_ENVS)


def test_a_playground_name_that_is_unknown_brings_near_ones():
    with pytest.raises(RegistryError, match="CheetahRun"):
        playground.make("CheetahRunning")


@pytest.mark.parametrize("constant", ["mass", "friction", "gain"])
def test_each_constant_changes_the_motion_and_none_changes_it_by_default(constant):
    env = pair(TASKS[1]).env
    step = jax.jit(env.step)
    state, _ = jax.jit(env.reset)(jax.random.key(0), env.params)
    action = jnp.ones(env.action_space.shape)
    _, plain = step(jax.random.key(0), state, action, env.params)
    changed = replace(env.params, **{constant: 2.0})
    _, other = step(jax.random.key(0), state, action, changed)
    moved = float(np.abs(other.obs - plain.obs).max())
    assert moved > 1e-4 if constant != "friction" else moved < 1e-6  # nothing touches the ground
