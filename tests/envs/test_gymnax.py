import importlib.metadata
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.envs import Box, Discrete, loop
from jaxac.envs.adapters import gymnax
from jaxac.errors import EnvError, RegistryError

T, LIMIT = 100, 40
original = pytest.importorskip("gymnax")


def actions_for(space, *lead, seed=0):
    rng = np.random.default_rng(seed)
    if isinstance(space, Discrete):
        return rng.integers(space.n, size=lead).astype(np.int32)
    low, high = space.bounds
    return rng.uniform(low, high, (*lead, *space.shape)).astype(np.float32)


def run(env, params, actions, key):
    """Loops [T, N] before each step, and the outcome of each step."""

    def one(carried, step):
        after, outcome = loop.step(step[0], env, params, carried, step[1])
        return after, (carried, outcome)

    first = loop.start(key, env, params, actions.shape[1])
    return jax.lax.scan(one, first, (jax.random.split(key, len(actions)), actions))[1]


@pytest.mark.parametrize("name", ["CartPole-v1", "Pendulum-v1", "MountainCar-v0", "Acrobot-v1"])
def test_every_step_is_that_of_gymnax_and_the_time_limit_truncates(name):
    env, (theirs, params) = gymnax.make(name), original.make(name)
    params = params.replace(max_steps_in_episode=LIMIT)
    actions = actions_for(env.action_space, T, 2)
    step = jax.vmap(theirs.step_env, (None, 0, 0, None))

    def both(key):
        before, outcome = run(env, params, actions, key)
        each = before.env_state, actions
        _, after = jax.lax.scan(lambda _, x: (None, step(key, *x, params)[:4]), None, each)
        return before, outcome, after

    out = jax.device_get(jax.jit(both)(jax.random.key(0)))
    before, outcome, (obs, state, reward, terminated) = out
    np.testing.assert_allclose(outcome.final_obs, obs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(outcome.reward, reward, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(outcome.terminated, terminated)

    length = np.zeros(2, int)
    for t in range(T):
        length += 1
        truncated = (length == LIMIT) & ~terminated[t]
        np.testing.assert_array_equal(outcome.truncated[t], truncated)
        length[outcome.done[t]] = 0
    assert outcome.terminated.any() if name == "CartPole-v1" else outcome.truncated.any()

    goes_on = ~outcome.done[:-1]
    for ours, after in zip(jax.tree.leaves(before.env_state), jax.tree.leaves(state), strict=True):
        np.testing.assert_allclose(ours[1:][goes_on], after[:-1][goes_on], rtol=1e-5, atol=1e-6)
    fresh = before.env_state.time[1:][~goes_on], before.obs[1:][~goes_on]
    assert (fresh[0] == 0).all() and len(np.unique(fresh[1], axis=0)) == len(fresh[1]) > 0


def test_reset_is_that_of_gymnax():
    env, (theirs, params) = gymnax.make("CartPole-v1"), original.make("CartPole-v1")
    state, obs = env.reset(jax.random.key(3), env.params)
    want_obs, want_state = theirs.reset_env(jax.random.key(3), params)
    np.testing.assert_array_equal(obs, want_obs)
    assert jax.tree.leaves(state) == jax.tree.leaves(want_state)


def test_params_are_traced_so_that_gravity_is_a_lane():
    env = gymnax.make("CartPole-v1")
    state, _ = env.reset(jax.random.key(0), env.params)

    def angles(gravity):
        """The pole's angle while nothing but gravity and the cart's jerks move it."""

        def one(state, action):
            params = env.params.replace(gravity=gravity)
            state, step = env.step(jax.random.key(0), state, action, params)
            return state, step.obs[2]

        return jax.lax.scan(one, state, jnp.arange(12) % 2)[1]

    rows = jax.jit(jax.vmap(angles))(jnp.array([0.0, 9.8, 30.0]))
    assert abs(rows[2, -1] - rows[0, -1]) > 0.01 and (rows[1] != rows[0]).any()
    np.testing.assert_allclose(rows[1], jax.jit(angles)(env.params.gravity), rtol=1e-4)


def test_spaces_are_those_of_gymnax():
    cartpole, pendulum = gymnax.make("CartPole-v1"), gymnax.make("Pendulum-v1")
    assert cartpole.action_space == Discrete(2)
    low, high = cartpole.observation_space.bounds
    np.testing.assert_allclose(high, [4.8, np.inf, 24 * 2 * np.pi / 360, np.inf], rtol=1e-6)
    np.testing.assert_array_equal(low, -high)
    assert pendulum.action_space == Box((1,), -2.0, 2.0)
    assert pendulum.observation_space == Box((3,), (-1.0, -1.0, -8.0), (1.0, 1.0, 8.0))
    assert str(cartpole.observation_space) == "Box(4, [-inf, inf])"
    assert gymnax.make("Breakout-MinAtar").observation_space == Box((10, 10, 4), 0.0, 1.0)
    assert cartpole.time_limit(cartpole.params) == 500


@pytest.mark.parametrize("name", gymnax.ids())
def test_every_environment_can_be_reset_and_stepped(name):
    """Abstractly: shapes and dtypes are kept, so a rollout is one scan, and fit the space."""
    env = gymnax.make(name)
    actions = jnp.asarray(actions_for(env.action_space, 2))

    def both(key):
        first = loop.start(key, env, env.params, 2)
        return first, *loop.step(key, env, env.params, first, actions)

    first, after, outcome = jax.eval_shape(both, jax.random.key(0))
    assert jax.tree.structure(first) == jax.tree.structure(after)
    assert jax.tree.leaves(first) == jax.tree.leaves(after)
    assert outcome.final_obs == first.obs
    assert first.obs.shape == (2, *env.observation_space.shape)
    assert outcome.reward.shape == outcome.terminated.shape == outcome.truncated.shape == (2,)
    low, high = env.observation_space.bounds
    assert low.shape == high.shape == env.observation_space.shape and (low <= high).all()
    assert env.name == name
    assert all(isinstance(x, int | float) or x.size for x in jax.tree.leaves(env.params))


@pytest.mark.parametrize("name", ["UmbrellaChain-bsuite", "BernoulliBandit-misc", "CartPole-v1"])
def test_flags_and_reward_have_the_dtypes_of_the_contract(name):
    """The rewards of the first two are integers in gymnax."""
    env = gymnax.make(name)

    def step(key):
        return env.step(key, env.reset(key, env.params)[0], 0, env.params)[1]

    out = jax.eval_shape(step, jax.random.key(0))
    dtypes = [(x.shape, x.dtype.name) for x in (out.reward, out.terminated, out.truncated)]
    assert dtypes == [((), "float32"), ((), "bool"), ((), "bool")]


def test_ids_are_what_gymnax_registers_but_for_the_one_that_downloads():
    listed = gymnax.ids()
    assert len(set(listed)) == len(listed)
    assert {*listed, *gymnax.LEFT_OUT} == set(original.registered_envs)
    assert gymnax.LEFT_OUT == ("MNISTBandit-bsuite",)


def test_listing_imports_nothing_of_gymnax():
    code = (
        "import sys; from jaxac.envs.adapters import gymnax\n"
        "assert len(gymnax.ids()) == 25\n"
        "assert not [m for m in sys.modules if m.split('.')[0] == 'gymnax']"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_missing_package_names_the_command(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    command = "python -m pip install 'gymnax>=1.0,<1.1' 'six>=1.16'"
    with pytest.raises(EnvError, match=re.escape(command)):
        gymnax.make("CartPole-v1")


@pytest.mark.parametrize(
    ("name", "near"), [("CartPole-v0", "CartPole-v1"), ("breakout", "Breakout-MinAtar")]
)
def test_an_unknown_name_is_an_error_with_the_closest_ones(name, near):
    with pytest.raises(RegistryError, match=f"no environment '{name}'; did you mean .*{near}"):
        gymnax.make(name)
    with pytest.raises(RegistryError):
        gymnax.make("MNISTBandit-bsuite")
