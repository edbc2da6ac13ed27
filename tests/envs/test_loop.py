import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import frozen, replace
from jaxac.envs import Box, Discrete, Env, TimeStep, loop

T, N = 60, 5


@frozen
class Walk:
    """Traced params of the walk."""

    size: float = 0.5
    max_steps: int = 8


@frozen
class Place:
    x: float
    key: object  # environments may keep a key of their own


def _walk():
    """A walk from a random place in [0, 1): the task ends at 2, and at -0.6 it is cut."""

    def obs_of(x):
        return jnp.stack([x, 10.0 * x])

    def reset(key, params):
        x = jax.random.uniform(key)
        return Place(x, jax.random.key(3)), obs_of(x)

    def step(key, state, action, params):
        x = state.x + params.size * action
        flags = x >= 2.0, x <= -0.6
        return replace(state, x=x), TimeStep(obs_of(x), 3 * x, *flags)

    return Env("walk", reset, step, Walk(), Box((2,)), Discrete(3), lambda params: params.max_steps)


ENV = _walk()
ACTIONS = np.random.default_rng(0).choice([-1.0, 0.0, 1.0, 2.0], (T, N))


@jax.jit
def run(key, actions, params=ENV.params):
    """Loops [T, N] before each step, the outcome of each step, and the loop after the last."""

    def one(carried, step):
        after, outcome = loop.step(step[0], ENV, params, carried, step[1])
        return after, (carried, outcome)

    first = loop.start(key, ENV, params, actions.shape[1])
    last, (before, outcome) = jax.lax.scan(
        one, first, (jax.random.split(key, len(actions)), actions)
    )
    return before, outcome, last


BEFORE, OUTCOME, LAST = run(jax.random.key(0), ACTIONS)
FIRST = jax.jit(lambda loops: jax.tree.map(lambda x: x[0], loops))(BEFORE)
BEFORE, OUTCOME = jax.device_get((replace(BEFORE, env_state=()), OUTCOME))
NEXT = np.append(BEFORE.obs[1:], LAST.obs[None], axis=0)
DONE = OUTCOME.done


def test_final_obs_is_where_the_step_led_and_the_next_obs_only_while_the_episode_goes_on():
    x = BEFORE.obs[..., 0] + 0.5 * ACTIONS
    np.testing.assert_allclose(OUTCOME.final_obs, np.stack([x, 10.0 * x], -1), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(NEXT[~DONE], OUTCOME.final_obs[~DONE])
    assert 10 < DONE.sum() < DONE.size / 2
    assert (NEXT[DONE] != OUTCOME.final_obs[DONE]).all()
    np.testing.assert_allclose(OUTCOME.reward, 3.0 * x, rtol=1e-5, atol=1e-6)


def test_each_episode_starts_from_a_fresh_random_place_with_its_counts_at_zero():
    starts = np.append(BEFORE.obs[0, :, 0], NEXT[DONE][:, 0])
    assert len(np.unique(starts)) == len(starts)
    assert (starts >= 0.0).all() and (starts < 1.0).all() and starts.std() > 0.2
    assert (BEFORE.elapsed[1:][DONE[:-1]] == 0).all()
    assert (BEFORE.episode_return[1:][DONE[:-1]] == 0.0).all()


def test_an_end_has_one_reason_and_termination_comes_first():
    x = OUTCOME.final_obs[..., 0]
    ended, cut = x >= 2.0, x <= -0.6
    late = OUTCOME.episode_length == 8
    assert (ended & late).any() and (cut & ~late).any() and (late & ~cut & ~ended).any()
    np.testing.assert_array_equal(OUTCOME.terminated, ended)
    np.testing.assert_array_equal(OUTCOME.truncated, (cut | late) & ~ended)


def test_return_and_length_are_those_of_the_episode_so_far():
    total, length = np.zeros(N), np.zeros(N, int)
    for t in range(T):
        total, length = total + OUTCOME.reward[t], length + 1
        np.testing.assert_allclose(OUTCOME.episode_return[t], total, rtol=1e-4, atol=1e-4)
        np.testing.assert_array_equal(OUTCOME.episode_length[t], length)
        total, length = np.where(DONE[t], 0.0, total), np.where(DONE[t], 0, length)


def test_time_limit_and_step_size_are_traced():
    params = Walk(jnp.array([0.0, 0.0, 0.5]), jnp.array([4, 7, 7]))
    actions = np.ones((20, 2))
    lanes = jax.jit(jax.vmap(lambda p: run(jax.random.key(0), actions, p)[1]))
    rows = jax.device_get(lanes(params))
    for row, limit in ((0, 4), (1, 7)):
        every = np.arange(1, 21) % limit == 0
        np.testing.assert_array_equal(rows.truncated[row], np.stack([every, every], -1))
    assert not rows.truncated[2].any() and rows.terminated[2].any()
    moved = np.diff(rows.final_obs[..., 0], axis=1)[:, 0]
    np.testing.assert_allclose(moved, [[0.0, 0.0], [0.0, 0.0], [0.5, 0.5]], atol=1e-6)


def test_without_auto_reset_an_ended_environment_is_left_where_it_ended():
    jump = jnp.array([9.0, 0.0, -9.0, 0.0, 9.0])
    step = jax.jit(lambda key: loop.step(key, ENV, ENV.params, FIRST, jump, auto_reset=False))
    after, outcome = step(jax.random.key(1))
    np.testing.assert_array_equal(outcome.done, [True, False, True, False, True])
    np.testing.assert_array_equal(after.env_state.x, FIRST.env_state.x + 0.5 * jump)
    np.testing.assert_array_equal(after.obs, outcome.final_obs)
    np.testing.assert_array_equal(after.elapsed, 1)
    np.testing.assert_array_equal(after.episode_return, outcome.reward)


def test_a_step_keeps_every_shape_and_dtype_whatever_the_environment_returns():
    """Reset counts in Python, observes bytes; the step returns floats, integers and weak types."""

    def reset(key, params):
        return {"time": 0, "x": jnp.zeros(2, jnp.int16)}, jnp.zeros(3, jnp.uint8)

    def step(key, state, action, params):
        state = {"time": state["time"] + 1.0, "x": state["x"] * 1.5}
        return state, TimeStep(jnp.ones(3), 1, jnp.int32(0), 0)

    env = Env("odd", reset, step, (), Box((3,)), Discrete(2), lambda params: 9)
    first = jax.eval_shape(lambda: loop.start(jax.random.key(0), env, (), N))
    after, outcome = jax.eval_shape(
        lambda x: loop.step(jax.random.key(0), env, (), x, jnp.zeros(N)), first
    )
    assert jax.tree.leaves(after) == jax.tree.leaves(first)  # shapes, dtypes and weak types
    assert not any(x.weak_type for x in jax.tree.leaves(after))
    assert outcome.final_obs == first.obs
    assert [outcome.reward.dtype, outcome.truncated.dtype] == [jnp.float32, bool]


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_where_chooses_row_by_row(shape):
    yes, no = jnp.ones((3, *shape)), jnp.zeros((3, *shape))
    condition = jnp.array([True, False, True])
    got = loop.where(condition, {"a": yes}, {"a": no})["a"]
    np.testing.assert_array_equal(got.reshape(3, -1).min(1), condition)
    np.testing.assert_array_equal(got.reshape(3, -1).max(1), condition)
