import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import exact
from jaxac.algos.tabular.env import EnvParams, as_env, ids, make
from jaxac.algos.tabular.mdp import EAST, MDP, RIGHT, chain, check, random_walk
from jaxac.core import replace
from jaxac.envs import Box, Discrete, loop
from jaxac.errors import ConfigError, EnvError, RegistryError

SAMPLES = 4000
NOISE = 4 * 0.5 / np.sqrt(SAMPLES)  # four standard errors of a frequency, at most


@pytest.fixture(scope="module")
def small():
    return MDP(
        jnp.array(
            [
                [[0.1, 0.2, 0.3, 0.4], [0.0, 1.0, 0.0, 0.0]],
                [[0.5, 0.0, 0.5, 0.0], [0.25, 0.25, 0.25, 0.25]],
                [[0.0, 0.0, 0.0, 1.0], [0.7, 0.1, 0.2, 0.0]],
                [[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]],
            ]
        ),
        jnp.array([[1.0, -2.0], [0.5, 3.0], [0.0, -0.25], [0.0, 0.0]]),
        jnp.array([False, False, False, True]),
        jnp.array([0.6, 0.1, 0.3, 0.0]),
    )


@pytest.fixture(scope="module")
def steps(small):
    """`SAMPLES` steps from each of 3 live states by each of 2 actions; leaves [3, 2, SAMPLES]."""
    env = as_env(small, "small")
    keys = jax.random.split(jax.random.key(1), (3, 2, SAMPLES))
    each = jax.vmap(env.step, (0, None, None, None))
    each = jax.vmap(jax.vmap(each, (0, None, 0, None)), (0, 0, None, None))
    return jax.device_get(jax.jit(each)(keys, jnp.arange(3), jnp.arange(2), env.params))


def test_frequencies_of_next_states_match_the_transition(small, steps):
    following, _ = steps
    frequency = np.eye(4)[following].mean(2)
    np.testing.assert_allclose(frequency, small.transition[:3], atol=NOISE)
    assert not frequency[np.asarray(small.transition[:3]) == 0].any()


def test_a_step_tells_the_next_state_its_reward_and_its_end(small, steps):
    following, s = steps
    np.testing.assert_array_equal(s.obs.argmax(-1), following)
    np.testing.assert_array_equal(s.obs.sum(-1), 1.0)
    np.testing.assert_array_equal(s.reward, np.repeat(small.reward[:3, :, None], SAMPLES, axis=2))
    np.testing.assert_array_equal(s.terminated, following == 3)
    assert s.terminated.any() and not s.terminated.all()
    assert not s.truncated.any()


def test_frequencies_of_first_states_match_the_start(small):
    env = as_env(small, "small")
    keys = jax.random.split(jax.random.key(2), SAMPLES)
    reset = jax.jit(jax.vmap(env.reset, (0, None)))
    state, obs = jax.device_get(reset(keys, env.params))
    np.testing.assert_array_equal(obs.argmax(-1), state)
    np.testing.assert_allclose(obs.mean(0), small.start, atol=NOISE)
    assert not (state == 3).any()


def test_spaces_follow_the_process(small):
    env = as_env(small, "small", time_limit=7)
    assert env.observation_space == Box((4,), 0.0, 1.0)
    assert env.action_space == Discrete(2)
    assert env.time_limit(env.params) == 7


def test_returns_of_episodes_match_the_exact_return():
    """The random walk under a coin returns 1/2 after 9 steps on average, at gamma 1."""
    env, num_envs = make("RandomWalk-5"), 1000

    def step(carry, key):
        now, alive = carry
        key_act, key_step = jax.random.split(key)
        action = jax.random.bernoulli(key_act, shape=(num_envs,)).astype(int)
        now, outcome = loop.step(key_step, env, env.params, now, action, auto_reset=False)
        ended = alive & outcome.done
        last = jnp.where(ended, outcome.episode_return, 0.0), jnp.where(ended, now.elapsed, 0)
        return (now, alive & ~ended), last

    @jax.jit
    def episodes(key):
        key_start, key_run = jax.random.split(key)
        start = loop.start(key_start, env, env.params, num_envs), jnp.ones(num_envs, bool)
        (_, alive), (returns, length) = jax.lax.scan(step, start, jax.random.split(key_run, 70))
        return alive, returns.sum(0), length.sum(0)

    alive, returns, length = jax.device_get(episodes(jax.random.key(3)))
    assert not alive.any()
    coin = jnp.full((7, 2), 0.5)
    expected = exact.expected_return(env.params.mdp, coin, 1.0)
    np.testing.assert_allclose(returns.mean(), expected, atol=0.06)
    np.testing.assert_allclose(length.mean(), 9.0, atol=0.9)


def test_numbers_of_the_process_and_the_time_limit_are_lanes():
    """One program, four lanes: two slips by two time limits, from equal keys."""
    env = as_env(chain(4), "chain")
    slip, max_steps = jnp.array([0.0, 0.0, 1.0, 1.0]), jnp.array([2, 9, 2, 9])
    params = jax.jit(jax.vmap(lambda x, n: EnvParams(chain(4, x), n)))(slip, max_steps)

    @jax.jit
    @jax.vmap
    def run(params):
        def step(now, key):
            right = jnp.full(1, RIGHT)
            return loop.step(key, env, params, now, right)

        start = loop.start(jax.random.key(0), env, params, 1)
        return jax.lax.scan(step, start, jax.random.split(jax.random.key(1), 3))[1]

    outcome = jax.device_get(run(params))
    visited = outcome.final_obs[:, :, 0].argmax(-1)
    np.testing.assert_array_equal(visited, [[1, 2, 1], [1, 2, 3], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(outcome.terminated[:, :, 0].sum(1), [0, 1, 0, 0])
    np.testing.assert_array_equal(outcome.truncated[:, :, 0].sum(1), [1, 0, 1, 0])
    np.testing.assert_array_equal(outcome.reward[:, :, 0].sum(1), [0.0, 1.0, 0.0, 0.0])


def test_a_process_that_is_none_is_refused():
    with pytest.raises(EnvError, match="does not sum to 1"):
        as_env(replace(random_walk(1), start=jnp.zeros(3)), "broken")
    with pytest.raises(ConfigError, match="max_steps"):
        as_env(random_walk(1), "hasty", time_limit=0)


SIZES = {"Chain-10": (10, 2), "Grid-5x5": (25, 4), "RandomWalk-5": (7, 2), "Garnet-20x4x3": (20, 4)}
SIZES |= {"Hazards-3x6": (18, 4), "Treasure-5": (25, 4)}


def test_every_listed_name_makes_the_environment_of_that_name():
    assert set(ids()) == set(SIZES)
    for name, (num_states, num_actions) in SIZES.items():
        env = make(name)
        check(env.params.mdp)
        assert env.name == name
        assert env.observation_space.shape == (num_states,)
        assert env.action_space == Discrete(num_actions)
        assert env.time_limit(env.params) == 10 * num_states


def test_a_name_is_its_sizes_in_the_order_of_the_builder_and_nothing_else():
    assert np.asarray(make("Grid-1x3").params.mdp.transition)[0, EAST, 1] == 1.0
    first, again = make("Garnet-20x4x3").params.mdp, make("Garnet-20x4x3").params.mdp
    np.testing.assert_array_equal((np.asarray(first.transition) > 0).sum(-1), 3)
    np.testing.assert_array_equal(first.transition, again.transition)


WRONG = {
    "Maze-3": "no tabular environment 'Maze-3'",
    "chain-10": "did you mean Chain-10",
    "Chain": "did you mean Chain-10",
    "Chain-": "no tabular environment",
    "Chain-010": "no tabular environment",
    "Chain-ten": "no tabular environment",
    "Chain-" + "9" * 5000: "no tabular environment",
    "Chain-10\n": "no tabular environment",
    "Chain-3x3": "Chain takes 1 size, as in 'Chain-10'",
    "Grid-5": "Grid takes 2 sizes, as in 'Grid-5x5'",
    "Chain-1": "a start and an end are the least",
    "RandomWalk-4": "no middle state",
    "Garnet-3x2x4": "4 successors among 3 states",
    "Chain-999999999": "more than 10,000,000 transition probabilities",
    "Grid-100x100": "more than 10,000,000 transition probabilities",
}


@pytest.mark.parametrize("name", WRONG, ids=lambda name: repr(name[:20]))
def test_a_wrong_name_is_refused_with_the_reason(name):
    with pytest.raises(RegistryError, match=WRONG[name]):
        make(name)
