"""Each wrapper against a plain Python version of it, on a small line to walk on."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxac
from jaxac.core import field, frozen, replace
from jaxac.envs import Box, Discrete, Env, TimeStep, loop, resets, wrappers
from jaxac.envs.check import check_env
from jaxac.envs.params import env_params, set_env_params
from jaxac.envs.wrap import Held, WrappedParams, innermost, wrap
from jaxac.envs.wrappers import words
from jaxac.errors import ConfigError, EnvError, SweepError
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

KEY, T, LIMIT = jax.random.key(7), 11, 7
MOVES = np.random.default_rng(1).uniform(-0.9, 1.0, T).astype(np.float32)
CHOICES = np.random.default_rng(2).integers(3, size=T).astype(np.int32)


LINE = Box((1,), -1.0, 2.0)


@frozen
class Walk:
    """Traced params of the walk."""

    size: float = 0.5
    end: float = 99.0
    cut: float = -99.0
    max_steps: int = LIMIT


@frozen
class Inner:
    goes: float = 1.0


@frozen
class Nested:
    inner: Inner = Inner()
    size: float = 0.5


SPACES = {
    "vector": Box((3,), (-20.0, -30.0, 0.0), (20.0, 10.0, 40.0)),
    "image": Box((2, 3, 1), 0.0, 255.0, "uint8"),
    "floats": Box((2, 3, 1), -10.0, 10.0),
    "grid": Box((2, 3), -10.0, 10.0),
    "number": Box((), -10.0, 10.0),
    "endless": Box((3,)),
}


@functools.cache
def walk(kind="vector", actions=LINE, names=(), agents=None, **params):
    """A walk from a random place in [0, 1): the task ends at `end`, and at `cut` it is cut.

    The action's sum moves it, its reward is where it got to, and `info` is what was executed.
    """
    space = SPACES[kind]

    def obs_of(x):
        rows = jnp.arange(1.0, space.size + 1.0) + x[..., None]
        seen = rows.reshape((*x.shape, *space.shape)).astype(space.dtype)
        return {"policy": seen, **{k: 2.0 * x for k in names}} if names else seen

    def reset(key, params):
        x = jax.random.uniform(key, () if agents is None else (agents,))
        return x, obs_of(x)

    def step(key, x, action, params):
        axes = 0 if isinstance(actions, Discrete) else len(actions.shape)
        x = x + params.size * jnp.sum(action, axis=range(-axes, 0) if axes else ())
        far = jnp.max(x)
        return x, TimeStep(obs_of(x), x, far >= params.end, far <= params.cut, action)

    seen = {"policy": space, **{k: Box(()) for k in names}} if names else space
    own = Walk(**params)
    return Env("walk", reset, step, own, seen, actions, lambda p: p.max_steps, num_agents=agents)


KEYS = jax.random.split(KEY, T + 1)


@functools.cache
def program(env):
    """An un-reset episode of an environment, compiled."""

    @jax.jit
    def run(params, actions):
        state, obs = env.reset(KEYS[0], params)

        def one(state, x):
            return env.step(x[0], state, x[1], params)

        state, steps = jax.lax.scan(one, state, (KEYS[1 : len(actions) + 1], actions))
        return obs, steps, state

    return run


def rollout(env, actions=MOVES[:, None], params=None):
    """First observation and every `TimeStep` [T] of one un-reset episode, then its last state."""
    params = env.params if params is None else params
    return jax.device_get(program(env)(params, jnp.asarray(actions)))


def seen(out):
    """Observations [T + 1] that the policy gets."""
    first, steps, _ = out
    first, rest = (x["policy"] if isinstance(x, dict) else x for x in (first, steps.obs))
    return np.concatenate([first[None], rest])


def scaled(low, high, least):
    return lambda obs, t: least + (1 - least) * (obs[t] - low) / (np.asarray(high) - low)


def stacked(num, widen=False):
    def stack(obs, t):
        last = [obs[max(t - i, 0)] for i in reversed(range(num))]
        return np.stack(last, -1) if widen else np.concatenate(last, -1)

    return stack


def with_time(obs, t):
    share = np.full((*obs[t].shape[:-1], 1), max(LIMIT - t, 0) / LIMIT)
    return np.concatenate([obs[t], share], -1)


def asked(obs, t):
    """Five are asked of the episode; every step has earned the place it led to."""
    return np.append(obs[t], 5.0 - sum(x[0] - 1.0 for x in obs[1 : t + 1]))


LOW, HIGH = (np.array(x) for x in (SPACES["vector"].low, SPACES["vector"].high))
MEAN, STD = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.0, 2.0])
OBSERVATIONS = [
    (wrappers.RescaleObservation(), "vector", scaled(LOW, HIGH, -1)),
    (wrappers.RescaleObservation(), "image", scaled(0.0, 255.0, -1)),
    (wrappers.ScaleImage(), "image", scaled(0.0, 255.0, 0)),
    (wrappers.NormaliseObservation(MEAN, STD), "endless", lambda o, t: (o[t] - MEAN) / STD),
    (wrappers.NormaliseObservation(2.0, 4.0), "image", lambda o, t: (o[t] - 2.0) / 4.0),
    (wrappers.ClipObservation(1.9, 3.1), "vector", lambda o, t: np.clip(o[t], 1.9, 3.1)),
    (wrappers.FlattenObservation(), "image", lambda o, t: o[t].ravel()),
    (wrappers.FlattenObservation(), "number", lambda o, t: o[t].reshape(1)),
    (wrappers.FrameStack(3), "vector", stacked(3)),
    (wrappers.FrameStack(2), "image", stacked(2)),
    (wrappers.FrameStack(4), "grid", stacked(4, widen=True)),
    (wrappers.FrameStack(3), "number", stacked(3, widen=True)),
    (wrappers.FrameStack(1), "vector", stacked(1)),
    (wrappers.TimeAware(), "vector", with_time),
    (wrappers.TimeAware(), "floats", with_time),
    (wrappers.ReturnToGo(5.0), "vector", asked),
]


@pytest.mark.parametrize("named", [(), ("critic",)], ids=["array", "dict"])
@pytest.mark.parametrize(
    ("wrapper", "kind", "naive"),
    OBSERVATIONS,
    ids=[f"{type(w).__name__}-{k}-{i}" for i, (w, k, _) in enumerate(OBSERVATIONS)],
)
def test_an_observation_is_that_of_plain_python(wrapper, kind, naive, named):
    """What else is observed stays, and the space says what is seen: shape, dtype and bounds."""
    plain, wrapped = walk(kind, names=named), wrap(walk(kind, names=named), wrapper)
    before, after = rollout(plain), rollout(wrapped)
    was, got = seen(before), seen(after)
    want = np.stack([naive(was, t) for t in range(T + 1)])
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)
    space = wrapped.observation_space
    if named:
        assert list(space) == ["policy", "critic"] and space["critic"] == Box(())
        np.testing.assert_array_equal(after[1].obs["critic"], before[1].obs["critic"])
        space = space["policy"]
    assert (space.shape, space.dtype) == (got.shape[1:], got.dtype.name)
    low, high = space.bounds
    assert (low - 1e-6 <= got).all() and (got <= high + 1e-6).all()
    np.testing.assert_array_equal(after[1].reward, before[1].reward)


def test_noise_on_observations_is_gaussian_and_new_at_every_step():
    env = wrap(walk(), wrappers.ObservationNoise())
    still, small, large = (
        seen(rollout(env, params=set_env_params(env.params, {"ObservationNoise.std": x})))
        for x in (0.0, 0.1, 1.0)
    )
    np.testing.assert_allclose(np.diff(still[:, 0]), 0.5 * MOVES, atol=1e-5)
    small, large = small - still, large - still
    np.testing.assert_allclose(large, 10 * small, rtol=1e-3, atol=1e-4)
    assert len(np.unique(large)) == large.size and 0.7 < large.std() < 1.3


def executed(out):
    return out[1].info


@pytest.mark.parametrize(
    ("wrapper", "space", "actions", "want"),
    [
        (
            wrappers.RescaleAction(),
            Box((1,), -1.0, 2.0),
            [[-1.0], [0.0], [1.0]],
            [[-1], [0.5], [2]],
        ),
        (
            wrappers.RescaleAction(),
            Box((2,), (-1.0, 0.0), (2.0, 4.0)),
            [[1.0, -1.0], [0.0, 0.5]],
            [[2.0, 0.0], [0.5, 3.0]],
        ),
        (wrappers.ClipAction(), Box((1,), -1.0, 2.0), [[-3.0], [0.5], [9.0]], [[-1], [0.5], [2]]),
        (wrappers.DiscretiseAction(3), Box((1,), -1.0, 2.0), [0, 1, 2], [[-1.0], [0.5], [2.0]]),
        (
            wrappers.DiscretiseAction(3),
            Box((2, 1), (-1.0, 0.0), (2.0, 4.0)),
            [0, 1, 2, 3, 8],
            [[[-1.0], [0.0]], [[-1.0], [2.0]], [[-1.0], [4.0]], [[0.5], [0.0]], [[2.0], [4.0]]],
        ),
        (wrappers.ActionNoise(0.0), Box((1,), -1.0, 2.0), [[-3.0], [0.5]], [[-1.0], [0.5]]),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_is_executed_is_what_the_wrapper_says(wrapper, space, actions, want):
    out = rollout(wrap(walk(actions=space), wrapper), np.asarray(actions))
    np.testing.assert_allclose(executed(out), want, rtol=1e-6, atol=1e-6)


def test_the_agents_action_space_is_what_a_wrapper_of_actions_leaves():
    def space(wrapper, shape=(2,)):
        return wrap(walk(actions=Box(shape, -1.0, 2.0)), wrapper).action_space

    assert space(wrappers.RescaleAction()) == Box((2,), -1.0, 1.0)
    assert space(wrappers.ClipAction()) == Box((2,), -1.0, 2.0)
    assert space(wrappers.DiscretiseAction(5)) == Discrete(25)


def test_every_discretised_action_is_another_corner_or_step_of_the_box():
    env = wrap(walk(actions=Box((2,), (-1.0, 0.0), (2.0, 4.0))), wrappers.DiscretiseAction(4))
    found = {tuple(x) for x in executed(rollout(env, np.arange(8)))}
    found |= {tuple(x) for x in executed(rollout(env, np.arange(8, 16)))}
    assert found == {(a, b) for a in (-1, 0, 1, 2) for b in np.float32([0, 4 / 3, 8 / 3, 4])}


def test_noise_on_actions_is_gaussian_within_the_bounds():
    zeros = np.zeros((T, 2))
    wide = wrap(walk(actions=Box((2,), -1e3, 1e3)), wrappers.ActionNoise(2.0))
    noise = executed(rollout(wide, zeros))
    assert len(np.unique(noise)) == noise.size and 1.2 < noise.std() < 2.8
    near = wrap(walk(actions=Box((2,), -1.0, 0.5)), wrappers.ActionNoise(2.0))
    np.testing.assert_allclose(executed(rollout(near, zeros)), np.clip(noise, -1.0, 0.5), rtol=1e-5)


@pytest.mark.parametrize(
    ("space", "actions", "nothing"),
    [
        (Discrete(3), CHOICES, 0),
        (Box((1,), -1.0, 2.0), MOVES[:, None], [0.0]),
        (Box((1,), 0.5, 2.0), MOVES[:, None], [0.5]),
    ],
    ids=["discrete", "box", "box-without-zero"],
)
def test_a_sticky_action_repeats_what_was_executed_last(space, actions, nothing):
    """The draws are made again by hand; the first step has nothing before it."""
    prob = 0.6
    out = rollout(wrap(walk(actions=space), wrappers.StickyActions(prob)), actions)
    last, want, stuck = np.asarray(nothing), [], 0
    for key, action in zip(KEYS[1:], actions, strict=True):
        stick = bool(jax.random.bernoulli(jax.random.split(key)[1], prob))
        last, stuck = (last if stick else action), stuck + stick
        want.append(last)
    assert 2 < stuck < T - 2
    np.testing.assert_array_equal(executed(out), want)
    assert executed(out).dtype == np.asarray(actions).dtype
    always = rollout(wrap(walk(actions=space), wrappers.StickyActions(1.0)), actions)
    np.testing.assert_array_equal(executed(always), np.broadcast_to(nothing, actions.shape))


def by_hand(env, actions, num, limit):
    """Repeat each action in Python, and stop where the episode ends."""
    state, _ = env.reset(KEY, env.params)
    found, steps = [], 0
    for action in actions:
        reward, over = 0.0, False
        for _ in range(num):
            state, s = env.step(KEY, state, jnp.asarray(action), env.params)
            reward, steps = reward + float(s.reward), steps + 1
            over = bool(s.terminated) or bool(s.truncated) or steps >= limit
            if over:
                break
        found.append((np.asarray(s.obs), reward, bool(s.terminated), bool(s.truncated)))
        if over:
            break
    return found


@pytest.mark.parametrize(
    ("params", "sign", "end", "length"),
    [
        ({"end": 2.4, "max_steps": 20}, 1.0, "terminated", 2),  # at the fourth step of the line
        ({"cut": -1.6, "max_steps": 20}, -1.0, "truncated", 2),
        ({"max_steps": 7}, 1.0, "limit", 3),
        ({"max_steps": 6}, 1.0, "limit", 2),
    ],
    ids=["terminated-within", "cut-within", "limit-within", "limit-at-the-end"],
)
def test_repeated_actions_are_those_repeated_by_hand(params, sign, end, length):
    plain = walk(**params)
    actions = sign * np.full((4, 1), 1.0, np.float32)
    want = by_hand(plain, actions, 3, params["max_steps"])
    assert len(want) == length
    env = wrap(plain, wrappers.ActionRepeat(3))
    assert env.time_limit(env.params) == -(-params["max_steps"] // 3)

    @jax.jit
    def run(actions):
        first = loop.start(KEY, env, env.params, 1, auto_reset=False)
        state, obs = env.reset(KEY, env.params)
        first = replace(first, env_state=jax.tree.map(lambda x: x[None], state), obs=obs[None])

        def one(carried, action):
            return loop.step(KEY, env, env.params, carried, action[None], auto_reset=False)

        return jax.lax.scan(one, first, actions)[1]

    out = jax.device_get(run(actions[:length]))
    np.testing.assert_allclose(out.final_obs[:, 0], [x[0] for x in want], rtol=1e-6)
    np.testing.assert_allclose(out.reward[:, 0], [x[1] for x in want], rtol=1e-6)
    assert out.done[:, 0].tolist() == [False] * (length - 1) + [True]
    assert out.terminated[-1, 0] == want[-1][2] == (end == "terminated")
    assert out.truncated[-1, 0] == (end != "terminated") and want[-1][3] == (end == "truncated")


@pytest.mark.parametrize(
    ("wrapper", "naive"),
    [
        (wrappers.ScaleReward(0.1, 2.0), lambda r: 0.1 * r + 2.0),
        (wrappers.ClipReward(-0.3, 0.4), lambda r: np.clip(r, -0.3, 0.4)),
        (wrappers.SignReward(), np.sign),
    ],
    ids=lambda x: type(x).__name__,
)
@pytest.mark.parametrize("agents", [None, 3])
def test_a_reward_is_that_of_plain_python(wrapper, naive, agents):
    shape = (T, *(() if agents is None else (agents,)), 1)
    moves = np.broadcast_to(MOVES.reshape(T, *(1,) * (len(shape) - 1)) - 0.7, shape)
    plain = walk(agents=agents)
    before, after = rollout(plain, moves), rollout(wrap(plain, wrapper), moves)
    assert (before[1].reward < -0.3).any() and (before[1].reward > 0.4).any()
    np.testing.assert_allclose(after[1].reward, naive(before[1].reward), rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(seen(after), seen(before))


def test_noise_on_rewards_is_each_agents_own():
    env, moves = wrap(walk(agents=3), wrappers.RewardNoise()), np.zeros((T, 3, 1), np.float32)
    quiet, loud = (
        rollout(env, moves, set_env_params(env.params, {"RewardNoise.std": x}))[1].reward
        for x in (0.0, 1.0)
    )
    np.testing.assert_allclose(quiet, np.broadcast_to(quiet[0], quiet.shape))
    noise = loud - quiet
    assert noise.shape == (T, 3) and len(np.unique(noise)) == noise.size
    assert 0.6 < noise.std() < 1.4


@jax.jit
def through_the_loop(params, actions):
    """Loops before each of the steps, and their outcomes, of the sparse walk."""
    return _looped(SPARSE, params, actions)


def _looped(env, params, actions, key=KEY):
    def one(carried, x):
        after, outcome = loop.step(x[0], env, params, carried, x[1])
        return after, (carried, outcome)

    first = loop.start(key, env, params, actions.shape[1])
    return jax.lax.scan(one, first, (jax.random.split(key, len(actions)), actions))[1]


SPARSE = wrap(walk(end=3.0), wrappers.DelayedReward(20))
STEPS = np.random.default_rng(3).uniform(-1.0, 2.0, (60, 4, 1)).astype(np.float32)


@pytest.mark.parametrize("period", [1, 3, 1000])
def test_delayed_rewards_are_paid_on_time_and_at_every_end(period):
    """A period longer than an episode makes it sparse; the same program serves all of them."""
    plain = walk(end=3.0)
    _, want = jax.device_get(jax.jit(lambda a: _looped(plain, plain.params, a))(STEPS))
    params = set_env_params(SPARSE.params, {"DelayedReward.period": period})
    _, got = jax.device_get(through_the_loop(jax.tree.map(jnp.asarray, params), STEPS))
    np.testing.assert_array_equal(got.done, want.done)
    assert want.terminated.any() and want.truncated.any()
    owed, naive = np.zeros(4), np.zeros_like(want.reward)
    for t in range(len(STEPS)):
        owed = owed + want.reward[t]
        pays = want.done[t] | (want.episode_length[t] % period == 0)
        naive[t] = np.where(pays, owed, 0.0)
        owed = np.where(pays, 0.0, owed)
    np.testing.assert_allclose(got.reward, naive, rtol=1e-5, atol=1e-5)
    ends = got.episode_return[got.done], want.episode_return[want.done]
    np.testing.assert_allclose(*ends, rtol=1e-5, atol=1e-5)


def test_a_sparse_reward_is_a_delayed_one_that_is_never_due():
    env = wrap(walk(end=3.0), wrappers.SparseReward())
    _, got = jax.device_get(jax.jit(lambda a: _looped(env, env.params, a))(STEPS))
    params = set_env_params(SPARSE.params, {"DelayedReward.period": 1000})
    _, want = jax.device_get(through_the_loop(jax.tree.map(jnp.asarray, params), STEPS))
    np.testing.assert_array_equal(got.reward, want.reward)
    assert (got.reward[~got.done] == 0).all() and (got.reward[got.done] != 0).all()
    for flag in (got.terminated, got.truncated):
        np.testing.assert_array_equal(got.reward[flag], got.episode_return[flag])
        assert flag.any()


def test_an_own_cut_of_the_environment_pays_too():
    env = wrap(walk(cut=-0.5, max_steps=99), wrappers.SparseReward())
    (_, steps, _) = rollout(env, np.full((T, 1), -0.4, np.float32))
    first = int(np.argmax(steps.truncated))
    assert steps.truncated[first] and first > 2
    want = rollout(walk(cut=-0.5, max_steps=99), np.full((T, 1), -0.4, np.float32))[1].reward
    np.testing.assert_allclose(steps.reward[first], want[: first + 1].sum(), rtol=1e-5)


def test_the_return_that_is_asked_is_traced_and_asked_anew_of_each_episode():
    env = wrap(walk("endless", end=3.0), wrappers.ReturnToGo())
    params = set_env_params(env.params, {"ReturnToGo.desired": 2.5})
    before, outcome = jax.device_get(jax.jit(lambda a: _looped(env, params, a))(STEPS))
    owed = 2.5 - before.episode_return
    np.testing.assert_allclose(before.obs[..., -1], owed, rtol=1e-5, atol=1e-5)
    last = outcome.final_obs[..., -1]
    np.testing.assert_allclose(last, 2.5 - outcome.episode_return, rtol=1e-5, atol=1e-5)
    assert outcome.done.any() and (before.obs[1:][outcome.done[:-1]][:, -1] == 2.5).all()
    assert check_env(env).findings == ()


STACK = wrap(walk("vector", end=3.0), wrappers.FrameStack(3), wrappers.TimeAware())


def test_a_stack_and_a_clock_restart_with_the_episode_and_the_last_one_is_whole():
    """Through the loop: `final_obs` is the true last stack, the next `obs` a first frame thrice."""
    run = jax.jit(lambda actions: _looped(STACK, STACK.params, actions))
    before, outcome = jax.device_get(run(STEPS))
    frames, share = before.obs[..., :9].reshape(60, 4, 3, 3), before.obs[..., 9]
    final, last_share = outcome.final_obs[..., :9].reshape(60, 4, 3, 3), outcome.final_obs[..., 9]
    np.testing.assert_allclose(share, 1.0 - before.elapsed / LIMIT, rtol=1e-6)
    np.testing.assert_allclose(last_share, 1.0 - outcome.episode_length / LIMIT, atol=1e-6)
    np.testing.assert_array_equal(final[:, :, :2], frames[:, :, 1:])
    first = before.elapsed == 0
    assert first.sum() > 20 and outcome.done.any()
    for i in (0, 1):
        np.testing.assert_array_equal(frames[first][:, i], frames[first][:, 2])
    newest = frames[:, :, 2, 0] + 0.5 * STEPS[..., 0]
    np.testing.assert_allclose(final[:, :, 2, 0], newest, rtol=1e-5, atol=1e-5)
    goes_on = ~outcome.done[:-1]
    np.testing.assert_array_equal(before.obs[1:][goes_on], outcome.final_obs[:-1][goes_on])


def test_the_first_wrapper_is_the_nearest_to_the_environment():
    env, moves = walk(), np.full((3, 1), 1.0, np.float32)
    shift, clip = wrappers.ScaleReward(10.0), wrappers.ClipReward(-1.0, 1.0)
    reward = rollout(env, moves)[1].reward
    one, two = (rollout(wrap(env, *x), moves)[1].reward for x in ((shift, clip), (clip, shift)))
    np.testing.assert_allclose(one, np.clip(10.0 * reward, -1.0, 1.0))
    np.testing.assert_allclose(two, 10.0 * np.clip(reward, -1.0, 1.0))
    both = wrap(env, shift, clip)
    assert both.wrappers == both.params.wrappers == (shift, clip)
    assert both.unwrapped is env and both.params.env == env.params


def test_wrapping_in_two_goes_is_wrapping_in_one():
    env = walk(names=("critic",))
    some = wrappers.FrameStack(2), wrappers.StickyActions(0.5), wrappers.ClipReward(0.0, 0.5)
    one, two = wrap(env, *some), wrap(wrap(wrap(env, some[0]), *some[1:]))
    assert one.wrappers == two.wrappers and two.unwrapped is env
    assert one.observation_space == two.observation_space
    assert jax.tree.structure(one.params) == jax.tree.structure(two.params)
    for a, b in zip(*map(jax.tree.leaves, (rollout(one), rollout(two))), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_was_changed_by_hand_between_two_goes_is_kept():
    env = dataclasses.replace(wrap(walk(), wrappers.FrameStack(2)), resets=resets.Pool(3))
    again = wrap(env, wrappers.SignReward())
    assert again.resets == resets.Pool(3) and len(again.wrappers) == 2
    changed = dataclasses.replace(again, params=set_env_params(again.params, {"max_steps": 3}))
    assert wrap(changed, wrappers.TimeAware()).params.env.max_steps == 3


def test_nothing_to_wrap_with_leaves_the_environment_as_it_is():
    env = walk()
    assert wrap(env) is env and env.wrappers == () and env.unwrapped is None


def test_each_memory_is_held_beside_the_state_under_it():
    env = wrap(
        walk(),
        wrappers.StickyActions(0.3),
        wrappers.ActionRepeat(2),
        wrappers.SparseReward(),
        wrappers.FrameStack(2),
        wrappers.ClipReward(),  # remembers nothing
    )
    first, state = (
        jax.eval_shape(f) for f in (lambda: env.reset(KEY, env.params)[0], lambda: None)
    )
    del state
    after = jax.eval_shape(
        lambda x: env.step(KEY, x, jnp.zeros(1), env.params)[0],
        first,
    )
    assert jax.tree.structure(first) == jax.tree.structure(after)
    assert [x.dtype for x in jax.tree.leaves(first)] == [x.dtype for x in jax.tree.leaves(after)]
    depth, inside = 0, first
    while isinstance(inside, Held):
        depth, inside = depth + 1, inside.env
    assert depth == 4 and innermost(first) is inside and inside.shape == ()


def test_a_picture_is_drawn_of_the_state_under_all_wrappers():
    def render(state, params):
        return np.full((2, 2, 3), int(10 * state + params.size), np.uint8)

    plain = dataclasses.replace(walk(), render=render)
    env = wrap(wrap(plain, wrappers.FrameStack(2)), wrappers.TimeAware())
    state, _ = env.reset(KEY, env.params)
    drawn = env.render(state, env.params)
    np.testing.assert_array_equal(drawn, plain.render(plain.reset(KEY, None)[0], plain.params))
    assert wrap(walk(), wrappers.FrameStack(2)).render is None


def test_numbers_of_wrappers_are_lanes_of_one_program():
    env = wrap(walk(actions=Discrete(3)), wrappers.StickyActions(), wrappers.ScaleReward())
    traces = []

    @jax.jit
    def run(params):
        traces.append(1)

        def one(state, x):
            state, s = env.step(x[0], state, x[1], params)
            return state, (s.info, s.reward)

        return jax.lax.scan(one, env.reset(KEY, params)[0], (KEYS[1:], CHOICES))[1]

    probs, alone = np.float32([0.0, 0.4, 1.0]), []
    for prob in probs:
        changes = {"StickyActions.prob": float(prob), "ScaleReward.scale": 2.0, "size": 0.1}
        alone.append(run(set_env_params(env.params, changes)))
    assert len(traces) == 1
    params = set_env_params(env.params, {"ScaleReward.scale": 2.0, "size": 0.1})
    sticky = jax.vmap(lambda p: replace(params.wrappers[0], prob=p))(probs)
    axes = WrappedParams(None, (0, None))
    lanes = jax.vmap(run, (axes,))(WrappedParams(params.env, (sticky, params.wrappers[1])))
    for i in range(3):
        np.testing.assert_array_equal(lanes[0][i], alone[i][0])
        np.testing.assert_allclose(lanes[1][i], alone[i][1], rtol=1e-6)
    assert (lanes[0][0] == CHOICES).all() and (lanes[0][2] == 0).all()
    assert 0 < (lanes[0][1] != CHOICES).sum() < T


@pytest.mark.parametrize(
    ("wrapper", "shape"),
    [
        (wrappers.RescaleObservation(), (3,)),
        (wrappers.FrameStack(2), (6,)),
        (wrappers.TimeAware(), (4,)),
        (wrappers.NormaliseObservation(MEAN, STD), (3,)),
        (wrappers.ObservationNoise(1.0), (3,)),
        (wrappers.FlattenObservation(), (3,)),
        (wrappers.StickyActions(0.5), (3,)),
        (wrappers.ActionRepeat(2), (3,)),
        (wrappers.ActionNoise(0.1), (3,)),
        (wrappers.RescaleAction(), (3,)),
        (wrappers.SparseReward(), (3,)),
    ],
    ids=lambda x: type(x).__name__,
)
def test_each_agent_is_wrapped_alike(wrapper, shape):
    """With two agents that act alike and start apart, each sees and gets what one alone would."""
    env = wrap(walk(agents=2), wrapper)
    assert env.num_agents == 2 and env.observation_space.shape == shape
    moves = np.broadcast_to(MOVES[:5, None, None], (5, 2, 1))
    first, steps, _ = rollout(env, moves)
    assert first.shape == (2, *shape) and steps.obs.shape == (5, 2, *shape)
    assert steps.reward.shape == (5, 2) and steps.terminated.shape == (5,)
    if isinstance(wrapper, wrappers.StickyActions):
        assert (steps.info[:, 0] != steps.info[:, 1]).any()


def test_discretised_actions_serve_each_agent():
    env = wrap(walk(agents=2), wrappers.DiscretiseAction(4))
    out = rollout(env, np.array([[0, 3], [1, 2]]))
    np.testing.assert_allclose(executed(out)[..., 0], [[-1.0, 2.0], [0.0, 1.0]], atol=1e-6)


def test_time_limit_replaces_the_environments_and_is_traced():
    env = wrap(walk(), wrappers.TimeLimit(3), wrappers.TimeAware())
    assert env.time_limit(env.params) == 3
    longer = set_env_params(env.params, {"TimeLimit.max_steps": 5})
    assert env.time_limit(longer) == 5 and longer.env == env.params.env
    obs = seen(rollout(env, MOVES[:5, None], longer))
    np.testing.assert_allclose(obs[:, 3], [1.0, 0.8, 0.6, 0.4, 0.2, 0.0], atol=1e-6)
    own = set_env_params(wrap(walk(), wrappers.TimeAware()).params, {"max_steps": 4})
    assert own.env.max_steps == 4


@pytest.mark.parametrize(
    ("wrapper", "plan"),
    [
        (wrappers.ResetPool(2), resets.Pool(2)),
        (wrappers.Resets(), resets.WhenNeeded()),
        (wrappers.Resets(resets.Pool(5)), resets.Pool(5)),
    ],
    ids=["pool", "when-needed", "any-plan"],
)
def test_a_plan_of_resets_starts_whole_wrapped_episodes(wrapper, plan):
    env = wrap(walk(end=3.0), wrappers.TimeAware(), wrapper, wrappers.FrameStack(2))
    assert env.resets == plan
    before, outcome = jax.device_get(jax.jit(lambda a: _looped(env, env.params, a))(STEPS[:20]))
    starts = before.obs[1:][outcome.done[:-1]]
    np.testing.assert_allclose(starts[:, 3], 1.0)
    np.testing.assert_array_equal(starts[:, :4], starts[:, 4:])
    distinct = len(np.unique(starts[:, 0]))
    assert distinct <= plan.size if isinstance(plan, resets.Pool) else distinct == len(starts)


MASKED = dataclasses.replace(
    walk(actions=Discrete(3)),
    observation_space={"policy": SPACES["vector"], "action_mask": Box((3,), 0.0, 1.0, "bool")},
)
UNBOUNDED = walk(actions=Box((1,)))


@pytest.mark.parametrize(
    ("env", "some", "said"),
    [
        (walk("endless"), [wrappers.RescaleObservation()], r"finite bounds.*walk.*inf.*Normalise"),
        (walk("endless"), [wrappers.ScaleImage()], "ScaleImage needs finite bounds"),
        (walk(), [wrappers.NormaliseObservation(np.zeros(2))], r"mean has shape \(2,\).*\(3,\)"),
        (walk("image"), [wrappers.TimeAware()], "floating-point.*uint8.*put ScaleImage"),
        (walk("image"), [wrappers.ObservationNoise()], "floating-point.*uint8"),
        (walk("image"), [wrappers.ClipObservation()], "floating-point.*uint8"),
        (walk("grid"), [wrappers.TimeAware()], "put FlattenObservation before it"),
        (walk("grid"), [wrappers.ReturnToGo()], "ReturnToGo adds to a vector.*FlattenObservation"),
        (walk(agents=2), [wrappers.ReturnToGo()], "vector that one agent sees"),
        (walk(actions=Discrete(3)), [wrappers.RescaleAction()], r"Box of actions.*Discrete\(3\)"),
        (walk(actions=Discrete(3)), [wrappers.ClipAction()], r"Box of actions.*Discrete\(3\)"),
        (walk(actions=Discrete(3)), [wrappers.ActionNoise()], r"Box of actions.*Discrete\(3\)"),
        (walk(actions=Discrete(3)), [wrappers.DiscretiseAction()], "Box of actions"),
        (UNBOUNDED, [wrappers.RescaleAction()], "finite bounds.*inf"),
        (UNBOUNDED, [wrappers.DiscretiseAction()], "finite bounds.*inf"),
        (UNBOUNDED, [wrappers.ClipAction()], "no bounds to clip to"),
        (walk(actions=Box((9,), -1, 1)), [wrappers.DiscretiseAction()], "19,683 actions.*10,000"),
        (MASKED, [wrappers.StickyActions()], "action_mask of walk may"),
        (MASKED, [wrappers.ActionRepeat()], "action_mask of walk may"),
        (walk(), [wrappers.SparseReward(), wrappers.TimeLimit()], "TimeLimit before SparseReward"),
        (walk(), [wrappers.StickyActions], r"is a class; wrap with one of it, StickyActions\(\)"),
        (walk(), [lambda env: env], "is no wrapper: write a @frozen class"),
        (walk(), ["TimeAware"], "'TimeAware' on walk is no wrapper"),
    ],
)
def test_a_wrapper_that_does_not_fit_is_refused_with_the_mend(env, some, said):
    with pytest.raises(EnvError, match=said):
        wrap(env, *some)


def test_params_are_set_by_name_in_the_environment_and_its_wrappers():
    env = wrap(
        walk(),
        wrappers.StickyActions(0.1),
        wrappers.ClipReward(-1.0, 1.0),
        wrappers.ScaleReward(2.0),
        wrappers.ClipReward(-5.0, 5.0),
    )
    params = set_env_params(
        env.params,
        {"size": 2, "StickyActions.prob": 0.9, "ClipReward.low": 0, "ClipReward2.high": 7.0},
    )
    assert params.env.size == 2.0 and params.env.end == env.params.env.end
    sticky, inner, scale, outer = params.wrappers
    assert (sticky.prob, inner.low, inner.high) == (0.9, 0.0, 1.0)
    assert (outer.low, outer.high) == (-5.0, 7.0) and scale == wrappers.ScaleReward(2.0)
    assert jax.tree.structure(params) == jax.tree.structure(env.params)
    names = [name for name, _ in env_params(params)]
    assert names[:4] == ["size", "end", "cut", "max_steps"]
    assert names[4:7] == ["StickyActions.prob", "ClipReward.low", "ClipReward.high"]
    nested = set_env_params(Nested(), {"inner.goes": 3})
    assert nested == Nested(Inner(3.0)) and dict(env_params(nested)) == {
        "inner.goes": 3.0,
        "size": 0.5,
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"StickyActions.prob": 1.5}, r"env.StickyActions.prob: 1.5 is outside .* \[0, 1\]"),
        ({"StickyActions.prop": 0.5}, "did you mean.*StickyActions.prob"),
        ({"StickyAction.prob": 0.5}, "env.StickyAction.prob.*did you mean StickyActions.prob"),
        ({"StickyActions": 0.5}, "env.StickyActions: no such environment param"),
        ({"FrameStack.num": 2}, r"env.FrameStack.num: .*as in FrameStack\(num=4\)"),
        ({"DelayedReward.period": 2.5}, "not a whole number"),
        ({"StickyActions.prob": {"op": "Linear"}}, "takes no schedules"),
        ({"sise": 1.0}, "env.sise: .*did you mean size"),
        ({"max_steps": 2.5}, "env.max_steps: 2.5 is not a whole number"),
        ({"size": "large"}, "env.size: 'large' is not a number"),
    ],
)
def test_a_wrong_param_is_refused_with_the_closest(changes, said):
    some = wrappers.StickyActions(), wrappers.FrameStack(), wrappers.DelayedReward()
    with pytest.raises(ConfigError, match=said):
        set_env_params(wrap(walk(), *some).params, changes)


ALL = [
    getattr(wrappers, x) for x in vars(wrappers) if x[0].isupper() and x not in ("Held", "Wrapper")
]


@pytest.mark.parametrize("cls", ALL, ids=lambda x: x.__name__)
def test_every_wrapper_has_words_that_give_it_back(cls):
    (table,) = words.plain([cls()])
    assert table["op"] == cls.__name__
    for given in (cls(), cls.__name__, {"op": cls.__name__}, table, words.call(table)):
        assert words.plain([given]) == (table,)
    assert words.parse([table])[0] == cls()


def test_words_of_a_wrapper_hold_its_numbers_lists_and_operators():
    some = [
        "NormaliseObservation(mean=[1, 2], std=[[1.5], [2]])",
        'Resets(plan={op="Pool", size=3})',
        " ClipReward ( low=-inf ) ".replace(" ( ", "( "),
        {"op": "jaxac.envs.wrappers:TimeLimit", "max_steps": 12.0},
    ]
    normal, plan, clip, limit = words.parse(some)
    np.testing.assert_array_equal(normal.mean, [1.0, 2.0])
    np.testing.assert_array_equal(normal.std, [[1.5], [2.0]])
    assert plan.plan == resets.Pool(3) and clip.low == -np.inf
    assert limit == wrappers.TimeLimit(12) and isinstance(limit.max_steps, int)
    tables = words.plain(some)
    assert words.plain(map(words.call, tables)) == tables == words.plain(words.parse(some))
    assert words.call(tables[1]) == 'Resets(plan={op="Pool", size=3})'
    assert words.plain([wrappers.ClipReward(low=0, high=1)]) == words.plain(
        ["ClipReward(low=0.0, high=1.0)"]
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("StickyAction", "'StickyAction'; did you mean StickyActions"),
        ("StickyActions(0.1)", r"cannot be read; write Name or Name\(field=1.0"),
        ("StickyActions(prob=0.1", "cannot be read"),
        ("StickyActions(prop=0.1)", r"wrappers.StickyActions.prop.*did you mean"),
        ("StickyActions(prob=2)", r"wrappers.StickyActions.prob: 2 is outside"),
        ('StickyActions(prob={op="Linear"})', "an environment takes no schedule"),
        ("FrameStack(num=1.5)", "num: 1.5 is not of type int"),
        ("TimeLimit(max_steps=1.5)", "1.5 is not a whole number"),
        ('NormaliseObservation(mean=["a"])', "not an array of numbers"),
        ("no_such_module:Wrapper", "cannot import no_such_module"),
        ("jaxac.algos.on_policy.ppo:PPO", "there is no operator"),
        ({"prob": 0.1}, "an operator is a table such as"),
        (3, "3 is not an operator"),
    ],
)
def test_words_of_no_wrapper_are_refused_with_the_closest(given, said):
    with pytest.raises(ConfigError, match=said):
        words.parse([given])


def test_make_env_wraps_in_order():
    env = jaxac.make_env("CartPole-v1", ["FrameStack(num=2)", wrappers.TimeAware()])
    assert env.observation_space.shape == (9,) and env.name == "CartPole-v1"
    assert [type(x).__name__ for x in env.wrappers] == ["FrameStack", "TimeAware"]


@frozen
class Doubled:
    """A wrapper of another package: rewards `by` times as large."""

    by: Any = field(2.0, "factor", within="(0, inf)")

    def __call__(self, env):
        def step(key, state, action, params):
            state, s = env.step(key, state, action, params)
            return state, replace(s, reward=self.by * s.reward)

        return dataclasses.replace(env, step=step)


SWEEP = {
    "algorithm": "tests.envs.standing:RECORD",
    "env": "probe/Truncation",
    "total_steps": 18,
    "evaluations": 3,
    "sampler": "grid",
    "wrappers": [
        "TimeAware",
        {"op": "StickyActions", "prob": 0.5},
        f"{__name__}:Doubled",
        "FrameStack(num=2)",
    ],
    "env_params": {"Doubled.by": [0.5, 3.0], "reward_scale": 2.0, "StickyActions.prob": 0.1},
}


class StopAfterOne(Quiet):
    """Stops the sweep after its first chunk, as Ctrl-C does."""

    def advanced(self, facts, told):
        raise KeyboardInterrupt


def test_a_sweep_of_a_wrappers_number_runs_and_resumes(tmp_path):
    """The probe pays 2 a step and starts again after 4: step 9 is the first of an episode."""
    sweep = Sweep(**SWEEP)
    assert sweep.wrappers[2] == {"op": f"{__name__}:Doubled", "by": 2.0}
    whole = jaxac.run(sweep, tmp_path / "whole", Quiet())
    assert whole.configs["env.Doubled.by"].tolist() == [0.5, 3.0]
    last = whole.wide[whole.wide["step"] == 18].set_index("config")
    np.testing.assert_allclose(last["eval_return"], [1.0, 6.0], rtol=1e-6)
    assert len(whole.wide) == 6
    with pytest.raises(KeyboardInterrupt):
        jaxac.run(sweep, tmp_path / "part", StopAfterOne())
    assert len(jaxac.load(tmp_path / "part").wide) < 6
    assert jaxac.run(Sweep(**SWEEP), tmp_path / "part", Quiet()).frame().equals(whole.frame())


def test_ppo_trains_a_chunk_under_wrappers():
    env = jaxac.make_env(
        "probe/ContinuousAction",
        ["TimeAware", "StickyActions(prob=0.1)", "FrameStack(num=2)", "SparseReward"],
    )
    method = jaxac.registry.make_algorithm("ppo", env)
    small = {"num_envs": 2, "num_steps": 8, "num_epochs": 1, "num_minibatches": 1}
    changes = {**small, "num_updates": 2, "net.hidden": (4,)}
    hp = jaxac.config.configure(jaxac.registry.defaults("ppo"), changes)

    @jax.jit
    def train(params):
        state, metrics = method.chunk(method.init(KEY, hp, params))
        return state.loop.envs.env_state, metrics

    state, metrics = train(env.params)
    assert isinstance(state, Held) and metrics["finite"] == 1.0
    assert metrics["episode_length"] == 1.0 and metrics["episode_return"] < 1.0


def test_a_sweep_refuses_wrappers_that_are_no_list_or_unknown():
    for given, said in (("TimeAware", "is not a list"), ([3], "not an operator")):
        with pytest.raises((SweepError, ConfigError), match=said):
            Sweep(**{**SWEEP, "wrappers": given})
