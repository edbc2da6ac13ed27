import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import frozen
from jaxac.envs import Box, Discrete, Env, TimeStep
from jaxac.envs import loop as env_loop
from jaxac.ops.minibatch import InOrder, ShuffleEnvironments, ShuffleTransitions
from jaxac.runners import on_policy

T, N, LIMIT, KEY = 24, 6, 7, jax.random.key(0)


@frozen
class Params:
    """Traced params of the walk."""

    goal: float = 2.0
    max_steps: int = LIMIT


def _walk():
    """From a random place in [0, 1) on the line; the task ends at `goal`, past which all is NaN."""

    def reset(key, params):
        x = jax.random.uniform(key)
        return x, x[None]

    def step(key, x, action, params):
        x = jnp.where(x >= params.goal, jnp.nan, x + action)
        return x, TimeStep(x[None], 10.0 * x, x >= params.goal, jnp.bool_(False))

    return Env(
        "walk", reset, step, Params(), Box((1,)), Discrete(2), lambda params: params.max_steps
    )


ENV = _walk()


def act(key, memory, obs):
    """Remembers the sum of the observations of the episode; acts on it and on where it is."""
    del key
    memory = memory + obs[:, 0]
    return jnp.sin(2.0 * memory), -memory, memory


def decode(action):
    return 0.6 * action + 0.2


@jax.jit
def rollout(key, loop):
    return on_policy.rollout(key, ENV, ENV.params, act, decode, loop, T)


FIRST = on_policy.start(KEY, ENV, ENV.params, N, jnp.zeros(N))
MIDDLE, TRAJ = rollout(jax.random.key(1), FIRST)
TRAJ = jax.device_get(TRAJ)


def test_rollout_is_what_environments_stepped_by_hand_give():
    """A plain loop over time and environments in float64; starts alone are read from the data."""
    done = TRAJ.outcome.done
    assert TRAJ.outcome.terminated.any() and TRAJ.outcome.truncated.any() and not done.all()
    after = np.append(TRAJ.obs[1:], MIDDLE.envs.obs[None], axis=0)[..., 0]
    for n in range(N):
        x, memory, total, length = float(FIRST.envs.obs[n, 0]), 0.0, 0.0, 0
        for t in range(T):
            row = jax.tree.map(lambda a, t=t, n=n: a[t, n], TRAJ)
            memory += x
            action = np.sin(2.0 * memory)
            np.testing.assert_allclose(row.obs, [x], atol=1e-4)
            np.testing.assert_allclose([row.action, row.log_prob], [action, -memory], atol=1e-3)
            x = float(row.obs[0]) + 0.6 * float(row.action) + 0.2
            total, length = total + 10.0 * x, length + 1
            np.testing.assert_allclose(row.final_obs, [x], atol=1e-4)
            np.testing.assert_allclose(row.outcome.reward, 10.0 * x, atol=1e-3)
            np.testing.assert_allclose(row.outcome.episode_return, total, atol=1e-2)
            assert row.outcome.episode_length == length
            assert row.outcome.terminated == (row.final_obs[0] >= 2.0)
            assert row.outcome.truncated == (length == LIMIT and not row.outcome.terminated)
            assert row.reset == (t > 0 and done[t - 1, n])
            if done[t, n]:
                x, memory, total, length = float(after[t, n]), 0.0, 0.0, 0
                assert 0.0 <= x < 1.0
            memory = float(-row.log_prob) if not done[t, n] else 0.0
        np.testing.assert_allclose(MIDDLE.carry[n], memory, atol=1e-4)


def test_memory_is_zero_after_an_end_and_goes_on_over_the_border_of_rollouts():
    ended = TRAJ.outcome.done[-1]
    carry = np.asarray(MIDDLE.carry)
    assert ended.any() and not ended.all()
    assert (carry[ended] == 0.0).all() and (carry[~ended] != 0.0).all()
    _, following = rollout(jax.random.key(2), MIDDLE)
    want = carry + np.asarray(MIDDLE.envs.obs[:, 0])
    np.testing.assert_array_equal(-following.log_prob[0], want)
    assert not following.reset[0].any()  # the memory that it starts from restarted already
    np.testing.assert_array_equal(following.obs[0], MIDDLE.envs.obs)


def test_forget_zeroes_every_leaf_of_ended_rows():
    carry = {"h": jnp.ones((3, 2)), "n": jnp.arange(1, 4)}
    got = on_policy.forget(jnp.array([True, False, True]), carry)
    np.testing.assert_array_equal(got["h"], [[0, 0], [1, 1], [0, 0]])
    np.testing.assert_array_equal(got["n"], [0, 2, 0])
    assert got["n"].dtype == jnp.int32


def test_each_step_draws_from_a_key_of_its_own():
    def noisy(key, carry, obs):
        draw = jax.random.uniform(key, (N,))
        return 0.0 * draw, draw, carry

    run = jax.jit(
        lambda key: on_policy.rollout(key, ENV, ENV.params, noisy, decode, FIRST, T)[1].log_prob
    )
    draws = run(jax.random.key(1))
    assert len(np.unique(draws)) == T * N
    assert not np.isin(run(jax.random.key(2)), draws).any()


def test_episode_metrics_count_episodes_that_end():
    metrics = on_policy.episode_metrics(TRAJ.outcome)
    done = TRAJ.outcome.done
    assert metrics["episode_return"].events == done.sum()
    np.testing.assert_allclose(
        metrics["episode_return"].total, TRAJ.outcome.episode_return[done].sum(), rtol=1e-5
    )
    assert metrics["episode_length"].total == TRAJ.outcome.episode_length[done].sum()


def test_epochs_see_each_transition_once_per_epoch_in_a_new_order_and_average_metrics():
    data = {"which": jnp.arange(T * N).reshape(T, N)}
    num_epochs, num_minibatches = 3, 4

    def learn(learner, carry, batch):
        i, log = learner
        which = batch["which"].ravel()
        return (i + 1, log.at[i].set(which)), {"mean": which.mean(), "i": i.astype(jnp.float32)}

    def run(key, order):
        size = T * N // num_minibatches
        learner = jnp.int32(0), jnp.zeros((num_epochs * num_minibatches, size), jnp.int32)
        return on_policy.epochs(key, learn, learner, order, (), data, num_epochs, num_minibatches)

    (count, log), metrics = jax.jit(run)(KEY, ShuffleTransitions())
    assert count == num_epochs * num_minibatches
    epochs = np.asarray(log).reshape(num_epochs, -1)
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch), np.arange(T * N))
    assert len({epoch.tobytes() for epoch in epochs}) == num_epochs
    assert metrics["i"] == np.mean(range(num_epochs * num_minibatches))
    np.testing.assert_allclose(metrics["mean"], (T * N - 1) / 2, rtol=1e-6)
    (_, log), _ = jax.jit(run)(KEY, InOrder())
    np.testing.assert_array_equal(log.ravel(), np.tile(np.arange(T * N), num_epochs))


def test_epochs_give_each_minibatch_the_memory_of_its_own_environments():
    data, memory = jnp.tile(jnp.arange(N), (T, 1)), jnp.arange(N)

    def learn(learner, carry, batch):
        return learner & (batch == carry).all(), {"size": jnp.float32(batch.shape[1])}

    aligned, metrics = jax.jit(
        lambda: on_policy.epochs(KEY, learn, True, ShuffleEnvironments(), memory, data, 2, 3)
    )()
    assert aligned and metrics["size"] == N / 3


def policy(memory, obs):
    action, _, memory = act(None, memory, obs)
    return decode(action), memory


EPISODES, LANES = 32, 8


@jax.jit
def evaluate(step, params):
    """Evaluations [LANES] at steps [LANES] with params [LANES]."""

    def one(step, params):
        carry = jnp.zeros(EPISODES)
        return on_policy.evaluate(KEY, step, ENV, params, policy, carry, EPISODES)

    return jax.vmap(one)(step, params)


@jax.jit
def places(key):
    return env_loop.start(key, ENV, ENV.params, EPISODES).obs[:, 0]


def starts(step):
    """Where an evaluation's episodes start: its draws hang on the run's key and its step alone."""
    key = jax.random.fold_in(jax.random.fold_in(KEY, on_policy.EVALUATION), step)
    return places(jax.random.split(key)[0])


def played(x, goal, max_steps):
    """Return and length of one whole episode, played in Python."""
    memory, total, length = 0.0, 0.0, 0
    while length < max_steps and x < goal:
        memory += x
        x += 0.6 * np.sin(2.0 * memory) + 0.2
        total, length = total + 10.0 * x, length + 1
    return total, length


def test_evaluate_is_a_plain_loop_over_complete_first_episodes_in_every_lane():
    """Episodes differ in length, and the environment is NaN after its end: no step more counts."""
    goal, limit = np.tile([2.0, 1.2, 2.0, 9.0], 2), np.tile([LIMIT, LIMIT, 12, 3], 2)
    steps = np.repeat([5, 6], 4)
    rows = evaluate(steps, Params(jnp.asarray(goal, jnp.float32), jnp.asarray(limit)))
    for i in range(LANES):
        first = np.asarray(starts(steps[i]), np.float64)
        returns, lengths = np.transpose([played(x, goal[i], limit[i]) for x in first])
        assert len(set(lengths)) > 1 or limit[i] == 3
        np.testing.assert_allclose(rows["eval_return"][i], returns.mean(), rtol=1e-4)
        np.testing.assert_allclose(rows["eval_return_std"][i], returns.std(), rtol=1e-3)
        assert rows["eval_length"][i] == np.float32(lengths.mean())


def test_evaluations_draw_anew_at_each_step_and_never_what_training_draws():
    steps = jnp.arange(LANES)
    one_step = Params(jnp.full(LANES, 9.0), jnp.ones(LANES, int))
    assert len(np.unique(evaluate(steps, one_step)["eval_return"])) == LANES
    drawn = np.asarray([starts(step) for step in steps])
    assert len(np.unique(drawn)) == LANES * EPISODES

    for step in steps:
        key = jax.random.fold_in(KEY, step)
        for training in (key, *jax.random.split(key)):
            assert not np.isin(drawn, places(training)).any()
