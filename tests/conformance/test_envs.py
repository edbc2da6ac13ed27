"""Every kind of environment keeps the contract when `jaxac.envs.loop` runs it."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import hlo, registry
from jaxac.envs import Box, Discrete, loop
from jaxac.envs.sampling import random_action
from jaxac.envs.wrap import wrap
from jaxac.ops.credit import GAE

T, N, LIMIT = 16, 3, 5
NAMES = (
    "gymnax/CartPole-v1",
    "gymnax/Pendulum-v1",
    "gymnax/Breakout-MinAtar",
    "gymnax/Catch-bsuite",
    "probe/FinalObservation",
    "tabular/Chain-7",
    "brax/reacher",
    "brax/hopper-spring",
    "playground/PendulumSwingup",
    "mjx/InvertedPendulum-v5",
    "classic/MountainCarContinuous-v0",
    "memory/RepeatPreviousEasy",
    "memory/HiddenGoal-5x6",
    "minatar/Freeway-v0",
    "pixel/PixelPendulumSpeed-v0",
    "navix/Navix-Empty-5x5-v0",
    "xminigrid/MiniGrid-DoorKey-5x5",
    "jumanji/Snake-v1",
    "craftax/Craftax-Classic-Symbolic-v1",
    "pgx/tic_tac_toe",
    "jaxmarl/MPE_simple_spread_v3",
)


class Run:
    """An environment stepped by the loop, and by hand one environment at a time."""

    def __init__(self, env):
        self.env = env = dataclasses.replace(env, time_limit=lambda params: LIMIT)
        self.traces = []
        self.first = jax.jit(lambda key: loop.start(key, env, env.params, N))(jax.random.key(1))
        self.keys = jax.random.split(jax.random.key(2), T)
        self.run = jax.jit(self._run).lower(self.first, self.keys).compile()
        self.last, rows = self.run(self.first, self.keys)
        self.before, self.action, self.outcome = rows
        self.by_hand, self.fresh = jax.jit(self._by_hand)(self.before, self.action, self.keys)

    def _run(self, first, keys):
        self.traces.append(1)

        def one(envs, key):
            key_act, key_env = jax.random.split(key)
            each = jax.random.split(key_act, N)
            action = jax.vmap(lambda key, obs: random_action(key, self.env, obs))(each, envs.obs)
            after, outcome = loop.step(key_env, self.env, self.env.params, envs, action)
            return after, (envs, action, outcome)

        return jax.lax.scan(one, first, keys)

    def _by_hand(self, before, action, keys):
        """Single un-vectorised, un-reset steps and resets from the same states, [T, N, ...]."""

        def split(key):
            key_step, key_reset = jax.random.split(jax.random.split(key)[1])
            return jax.random.split(key_step, N), jax.random.split(key_reset, N)

        def alone(x):
            key_step, key_reset, state, action = x
            _, after = self.env.step(key_step, state, action, self.env.params)
            return after, self.env.reset(key_reset, self.env.params)[1]

        rows = (*jax.vmap(split)(keys), before.env_state, action)
        flat = jax.tree.map(lambda x: x.reshape(T * N, *x.shape[2:]), rows)
        return jax.tree.map(lambda x: x.reshape(T, N, *x.shape[1:]), jax.lax.map(alone, flat))


@functools.cache
def run_of(name):
    return Run(registry.make_env(name))


@pytest.fixture(params=NAMES)
def ran(request):
    return run_of(request.param)


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=2e-4, atol=2e-4), a, b)


def named(space):
    return space if isinstance(space, dict) else {"policy": space}


def test_observations_are_what_the_space_says(ran):
    agents = () if ran.env.num_agents is None else (ran.env.num_agents,)
    for obs in (ran.before.obs, ran.outcome.final_obs):
        obs, spaces = named(obs), named(ran.env.observation_space)
        assert obs.keys() == spaces.keys()
        for key, space in spaces.items():
            assert isinstance(space, Box)
            lead = () if key == "critic" and obs[key].ndim == 2 + len(space.shape) else agents
            assert obs[key].shape == (T, N, *lead, *space.shape)
            assert obs[key].dtype == space.dtype
            low, high = space.bounds
            assert np.isfinite(obs[key]).all()
            assert (obs[key] >= low).all() and (obs[key] <= high).all()


def test_actions_fit_the_space(ran):
    space = ran.env.action_space
    if isinstance(space, Discrete):
        assert (ran.action >= 0).all() and (ran.action < space.n).all()
    else:
        assert ran.action.shape[2:][-len(space.shape) :] == space.shape


def test_each_step_and_final_obs_are_those_of_the_hand_stepped_environment(ran):
    after = ran.by_hand
    close(ran.outcome.final_obs, after.obs)
    close(ran.outcome.reward, after.reward)
    np.testing.assert_array_equal(ran.outcome.terminated, after.terminated)


def test_the_time_limit_truncates_and_never_terminates(ran):
    terminated, own = np.asarray(ran.by_hand.terminated), np.asarray(ran.by_hand.truncated)
    length = np.zeros(N, int)
    for t in range(T):
        length += 1
        np.testing.assert_array_equal(ran.outcome.episode_length[t], length)
        np.testing.assert_array_equal(
            ran.outcome.truncated[t], (own[t] | (length >= LIMIT)) & ~terminated[t]
        )
        length[np.asarray(ran.outcome.done[t])] = 0
    assert ran.outcome.done.any()


def test_an_ended_episode_starts_afresh_from_a_state_of_its_own_key(ran):
    ended = np.asarray(ran.outcome.done)[:-1]
    obs = jax.tree.map(lambda x: np.asarray(x)[1:], ran.before.obs)
    fresh = jax.tree.map(lambda x: np.asarray(x)[:-1], ran.fresh)
    goes_on = jax.tree.map(lambda x: np.asarray(x)[:-1], ran.outcome.final_obs)
    close(jax.tree.map(lambda x: x[ended], obs), jax.tree.map(lambda x: x[ended], fresh))
    close(jax.tree.map(lambda x: x[~ended], obs), jax.tree.map(lambda x: x[~ended], goes_on))


def test_returns_add_up(ran):
    total = np.zeros(ran.first.episode_return.shape)
    for t in range(T):
        total = total + np.asarray(ran.outcome.reward[t])
        np.testing.assert_allclose(ran.outcome.episode_return[t], total, rtol=1e-4, atol=1e-4)
        total[np.asarray(ran.outcome.done[t])] = 0


def test_values_bootstrap_through_truncation_and_not_through_termination(ran):
    if ran.env.num_agents is not None:
        pytest.skip("advantages of several agents belong to multi-agent methods")

    def value(obs):
        leaf = jax.tree.leaves(obs)[0]
        return jnp.tanh(leaf.reshape(T, N, -1).astype(jnp.float32).mean(-1)) + 1.0

    v, v_next, o = value(ran.before.obs), value(ran.outcome.final_obs), ran.outcome
    zero = jnp.zeros((T, N))
    _, target = GAE(lam=0.0)(o.reward, 0.9 * ~o.terminated, v, v_next, o.done, zero)
    want = np.where(o.terminated, o.reward, o.reward + 0.9 * np.asarray(v_next))
    np.testing.assert_allclose(target, want, rtol=1e-4, atol=1e-4)


def test_equal_keys_give_equal_runs_and_one_compiled_program_serves_them(ran):
    _, (_, _, again) = ran.run(ran.first, ran.keys)
    jax.tree.map(np.testing.assert_array_equal, ran.outcome, again)
    ran.run(ran.last, ran.keys)
    assert len(ran.traces) == 1


def test_no_two_lapack_calls_of_a_rollout_can_run_at_once(ran):
    """Two batched ones could hang for ever on a machine with few cores; see docs/install.md."""
    assert hlo.lapack_together(ran.run.as_text()) == []


def test_a_list_of_wrappers_changes_nothing_if_it_is_empty():
    env = registry.make_env("CartPole-v1")
    assert wrap(env) is env
