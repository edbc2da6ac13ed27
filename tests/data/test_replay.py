"""The buffer against a plain list of what each environment lived through."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac import registry
from jaxac.data import Frames, Prioritised, Replay, Uniform, Whole, replay
from jaxac.data.storage import Transition
from jaxac.envs.wrap import wrap
from jaxac.envs.wrappers import FrameStack
from jaxac.errors import ConfigError, EnvError
from jaxac.runners import on_policy

N, GAMMA = 3, 0.7


def lived(num_steps, seed=0, terminates=0.15, truncates=0.15):
    """`num_steps` steps of N environments: obs say environment and time, final_obs half more."""
    rng = np.random.default_rng(seed)
    time = np.arange(num_steps)[:, None] + np.zeros((1, N))
    terminated = rng.random((num_steps, N)) < terminates
    truncated = (rng.random((num_steps, N)) < truncates) & ~terminated
    age, ages = np.zeros(N, int), []
    for done in terminated | truncated:
        ages.append(age)
        age = np.where(done, 0, age + 1)
    obs = np.stack([time, np.zeros_like(time) + np.arange(N)], -1).astype(np.float32)
    return Transition(
        obs,
        rng.normal(size=(num_steps, N, 2)).astype(np.float32),
        rng.normal(size=(num_steps, N)).astype(np.float32),
        terminated,
        truncated,
        obs + np.array([0.5, 0], np.float32),
        np.array(ages, np.int32),
    )


def rows(all_of, first, last):
    return jax.tree.map(lambda x: jnp.asarray(x[first:last]), all_of)


def filled(plan, all_of, num_steps, block=2):
    buffer = plan.init(jax.tree.map(lambda x: jnp.asarray(x[0]), all_of), block)
    add = jax.jit(plan.add)
    for first in range(0, num_steps, block):
        buffer = add(buffer, rows(all_of, first, first + block))
    return buffer


def n_step(all_of, t, env, n, newest):
    """By a loop: reward, discount and final_obs of what began at time `t`."""
    reward, discount = 0.0, 1.0
    for k in range(n):
        reward += discount * all_of.reward[t + k, env]
        discount *= GAMMA
        ended = all_of.terminated[t + k, env] or all_of.truncated[t + k, env]
        if ended or t + k == newest:
            break
    going = not all_of.terminated[t + k, env]
    return reward, discount * going, all_of.final_obs[t + k, env]


@pytest.mark.parametrize("num_steps", [10, 36])
@pytest.mark.parametrize("n", [1, 2, 5])
def test_batches_are_what_was_lived_through(n, num_steps):
    """Before the ring is full, and after it has gone round twice; n steps stop at ends."""
    all_of = lived(40)
    plan = Replay(capacity=14 * N + 2, num_steps=n)
    buffer = filled(plan, all_of, num_steps)
    batch = jax.jit(lambda key: plan.sample(key, buffer, 400, GAMMA))(jax.random.key(0))
    seen = set()
    for i in range(400):
        t, env = int(batch.obs[i, 0]), int(batch.obs[i, 1])
        seen.add((t, env))
        reward, discount, final_obs = n_step(all_of, t, env, n, num_steps - 1)
        np.testing.assert_allclose(batch.reward[i], reward, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(batch.discount[i], discount, rtol=1e-6)
        np.testing.assert_array_equal(batch.final_obs[i], final_obs)
        np.testing.assert_array_equal(batch.action[i], all_of.action[t, env])
    oldest = max(0, num_steps - 14)
    assert seen == {(t, env) for t in range(oldest, num_steps) for env in range(N)}
    np.testing.assert_array_equal(batch.weight, 1.0)


def test_rewards_are_scaled_one_by_one():
    all_of = lived(12, terminates=0.0, truncates=0.0)
    plan = Replay(capacity=12 * N, num_steps=3)
    batch = plan.sample(jax.random.key(0), filled(plan, all_of, 12), 50, GAMMA, jnp.sign)
    for i in range(50):
        t, env = int(batch.obs[i, 0]), int(batch.obs[i, 1])
        last = min(3, 12 - t)
        want = sum(GAMMA**k * np.sign(all_of.reward[t + k, env]) for k in range(last))
        np.testing.assert_allclose(batch.reward[i], want, rtol=1e-5)


def test_uniform_draws_each_held_transition_alike():
    all_of = lived(20)
    plan = Replay(capacity=6 * N)
    batch = plan.sample(jax.random.key(0), filled(plan, all_of, 20), 36_000, GAMMA)
    counts = np.unique(np.asarray(batch.place), return_counts=True)[1]
    assert len(counts) == 6 * N
    np.testing.assert_allclose(counts, 2000, atol=5 * 2000**0.5)


def test_sequences_are_stretches_of_one_environment():
    all_of = lived(30)
    plan = Replay(capacity=12 * N)
    found = jax.jit(lambda key: plan.sequences(key, buffer, 200, 5))
    buffer = filled(plan, all_of, 30)
    s = found(jax.random.key(1))
    assert s.held.all()
    starts = set()
    for i in range(200):
        t, env = (int(x) for x in s.transition.obs[0, i])
        starts.add(t)
        np.testing.assert_array_equal(s.transition.obs[:, i, 0], np.arange(t, t + 5))
        np.testing.assert_array_equal(s.transition.obs[:, i, 1], env)
        done = (all_of.terminated | all_of.truncated)[t : t + 5, env]
        np.testing.assert_array_equal(s.reset[:, i], [False, *done[:-1]])
        np.testing.assert_array_equal(s.unbroken[:, i], np.cumsum([0, *done[:-1]]) == 0)
    assert starts == set(range(18, 26))


def test_a_stretch_past_the_newest_step_is_not_held():
    """A law that goes by priority may begin anywhere."""
    all_of = lived(8)
    plan = Replay(capacity=8 * N, law=Prioritised())
    s = plan.sequences(jax.random.key(0), filled(plan, all_of, 8), 100, 4)
    first = np.asarray(s.transition.obs[0, :, 0])
    np.testing.assert_array_equal(s.held, np.arange(4)[:, None] + first < 8)
    assert not s.held.all()


def test_a_capacity_that_holds_nothing_is_refused():
    example = jax.tree.map(lambda x: x[0], lived(2))
    with pytest.raises(ConfigError, match=r"replay\.capacity"):
        Replay(capacity=2 * N - 1).init(example, 2)
    with pytest.raises(ConfigError, match="3 before them"):
        Replay(capacity=3 * N, storage=Frames(4)).init(example, 1)


@pytest.fixture(scope="module")
def rollout():
    """A random rollout of stacked frames in which episodes end both ways, and its transitions."""
    env = wrap(registry.make_env("Breakout-MinAtar"), FrameStack(3))
    rows, loop = [], on_policy.start(jax.random.key(0), env, env.params, 2)

    def act(key, carry, obs):
        return jax.random.randint(key, (2,), 0, env.action_space.n), jnp.zeros(2), carry

    step = jax.jit(
        lambda key, loop: on_policy.rollout(key, env, env.params, act, lambda a: a, loop, 4)
    )
    for i in range(24):
        loop, traj = step(jax.random.key(i), loop)
        rows.append(replay.transition(traj.obs, traj.action, traj.outcome))
    return env, jax.tree.map(lambda *x: jnp.concatenate(x), *rows)


def add_all(plan, transitions, num_steps):
    buffer = plan.init(jax.tree.map(lambda x: x[0], transitions), 4)
    for first in range(0, num_steps, 4):
        block = jax.tree.map(lambda x, first=first: x[first : first + 4], transitions)
        buffer = jax.jit(plan.add)(buffer, block)
    return buffer


@pytest.mark.parametrize("num_steps", [40, 96])
@pytest.mark.parametrize("law", [Uniform(), Prioritised()], ids=["uniform", "prioritised"])
def test_single_frames_give_the_very_stacks(rollout, law, num_steps):
    """Across episode ends, before and after the ring has gone round: as if kept whole."""
    _, transitions = rollout
    assert transitions.done[:num_steps].any()
    places, batches = [], []
    for storage in (Frames(3), Whole()):
        plan = Replay(capacity=2 * 60, storage=storage, law=law, num_steps=2)
        buffer = add_all(plan, transitions, num_steps)
        if not places:
            drawn = plan.sample(jax.random.key(1), buffer, 200, GAMMA)
            places.append(drawn.place)
        batches.append(plan.batch(buffer, places[0], drawn.weight, GAMMA))
    single, whole = batches
    assert single.obs.dtype == whole.obs.dtype
    np.testing.assert_array_equal(single.obs, whole.obs)
    np.testing.assert_array_equal(single.final_obs, whole.final_obs)
    np.testing.assert_array_equal(single.reward, whole.reward)


def test_single_frames_take_a_third_of_the_memory(rollout):
    _, transitions = rollout
    sizes = []
    for storage in (Frames(3), Whole()):
        plan = Replay(capacity=2 * 60, storage=storage)
        ring = plan.init(jax.tree.map(lambda x: x[0], transitions), 4).ring
        sizes.append(ring.rows.obs.nbytes + ring.rows.final_obs.nbytes)
    assert 3 * sizes[0] == sizes[1]


def test_frames_refuse_an_environment_that_does_not_stack_them():
    env = registry.make_env("Breakout-MinAtar")
    with pytest.raises(EnvError, match=r"FrameStack\(num=3\)"):
        Frames(3).check(env)
    with pytest.raises(EnvError, match=r"FrameStack\(num=3\)"):
        Frames(3).check(wrap(env, FrameStack(2)))
    Frames(3).check(wrap(env, FrameStack(3)))
