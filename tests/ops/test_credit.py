"""Every recursion against sums and products written out from the definitions, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.credit import GAE, NStep, VTrace, discounted_sum, lambda_return

T, N = 11, 7
ALL = [GAE(0.7), NStep(3), VTrace(0.9, 1.1, 0.8)]
call = jax.jit(lambda op, *data: op(*data))  # one program per class: its numbers are traced


def name(op):
    return type(op).__name__


def episodes(seed=0, gamma=0.9):
    """Random data of whole and cut episodes, with `next_value` the value of the next obs."""
    rng = np.random.default_rng(seed)
    reward, value, beyond, log_ratio = rng.normal(size=(4, T, N))
    terminated = rng.random((T, N)) < 0.15
    truncated = (rng.random((T, N)) < 0.15) & ~terminated
    assert terminated[:-1].any() and truncated[:-1].any()
    done = terminated | truncated
    next_value = np.where(done, beyond, np.append(value[1:], beyond[-1:], axis=0))
    return reward, gamma * (1.0 - terminated), value, next_value, done, log_ratio


def ends(done):
    """For each step, the index of the last step of its episode in the array."""
    last = np.zeros(done.shape, int)
    for t, n in np.ndindex(done.shape):
        last[t, n] = next((u for u in range(t, T) if done[u, n]), T - 1)
    return last


def n_step_return(t, n, steps, reward, discount, next_value):
    """Sum of `steps` discounted rewards from step t, then the value of the state after them."""
    total, weight = 0.0, 1.0
    for u in range(t, t + steps):
        total += weight * reward[u, n]
        weight *= discount[u, n]
    return total + weight * next_value[t + steps - 1, n]


def every(f):
    return np.array([[f(t, n) for n in range(N)] for t in range(T)])


def f32(data):
    return [jnp.asarray(x, bool if x.dtype == bool else jnp.float32) for x in data]


def check(got, want):
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("lam", [0.0, 0.6, 1.0])
def test_gae_is_the_sum_of_decayed_errors_up_to_the_end_of_the_episode(lam):
    data = reward, discount, value, next_value, done, _ = episodes()
    delta, last = reward + discount * next_value - value, ends(done)

    def advantage(t, n):
        return sum(np.prod(lam * discount[t:u, n]) * delta[u, n] for u in range(t, last[t, n] + 1))

    got, target = call(GAE(lam), *f32(data))
    check(got, every(advantage))
    check(target, every(advantage) + value)


@pytest.mark.parametrize("lam", [0.0, 0.6, 1.0])
def test_gae_target_and_lambda_return_are_the_mixture_of_n_step_returns(lam):
    """Sutton & Barto 2018, eq. 12.3: weights (1 - lam) lam^(n - 1), the rest on the longest."""
    data = reward, discount, _, next_value, done, _ = episodes(1)
    last = ends(done)

    def mixture(t, n):
        longest = last[t, n] - t + 1
        returns = [
            n_step_return(t, n, k, reward, discount, next_value) for k in range(1, longest + 1)
        ]
        weights = [(1 - lam) * lam ** (k - 1) for k in range(1, longest)] + [lam ** (longest - 1)]
        return np.dot(weights, returns)

    reward, discount, value, next_value, done, log_ratio = f32(data)
    check(call(GAE(lam), reward, discount, value, next_value, done, log_ratio)[1], every(mixture))
    check(jax.jit(lambda_return)(reward, discount, next_value, done, lam), every(mixture))


@pytest.mark.parametrize("n", [1, 4, T, 100])
def test_n_step_sums_n_rewards_or_those_left_in_the_episode(n):
    data = reward, discount, value, next_value, done, _ = episodes(2)
    last = ends(done)

    def target(t, i):
        return n_step_return(t, i, min(n, last[t, i] - t + 1), reward, discount, next_value)

    advantage, got = call(NStep(n), *f32(data))
    check(got, every(target))
    check(advantage, every(target) - value)


@pytest.mark.parametrize(("rho", "c", "lam"), [(1.0, 1.0, 1.0), (0.8, 1.5, 0.7), (3.0, 0.5, 1.0)])
def test_vtrace_is_the_clipped_sum_of_its_definition(rho, c, lam):
    """Espeholt et al. 2018, eq. 1, with the products of c_i written out."""
    data = reward, discount, value, next_value, done, log_ratio = episodes(3)
    ratio, last = np.exp(log_ratio), ends(done)
    weight, trace = np.minimum(rho, ratio), lam * np.minimum(c, ratio)
    delta = weight * (reward + discount * next_value - value)
    assert (ratio > max(rho, c)).any() and (ratio < min(rho, c)).any()

    def v(t, n):
        return value[t, n] + sum(
            np.prod(discount[t:u, n] * trace[t:u, n]) * delta[u, n]
            for u in range(t, last[t, n] + 1)
        )

    def advantage(t, n):
        later = next_value[t, n] if t == last[t, n] else v(t + 1, n)
        return weight[t, n] * (reward[t, n] + discount[t, n] * later - value[t, n])

    got, target = call(VTrace(rho, c, lam), *f32(data))
    check(target, every(v))
    check(got, every(advantage))


@pytest.mark.parametrize("lam", [0.5, 1.0])
@pytest.mark.parametrize("clips", [(1.0, 1.0), (4.0, 2.0)])
def test_vtrace_on_policy_has_the_target_of_gae(lam, clips):
    *data, log_ratio = f32(episodes(4))
    on_policy = jnp.zeros_like(log_ratio)
    want = call(GAE(lam), *data, on_policy)[1]
    check(call(VTrace(*clips, lam), *data, on_policy)[1], want)


def test_one_step_is_gae_without_decay_and_the_longest_return_is_gae_with_full_decay():
    data = f32(episodes(5))
    for got, want in zip(call(NStep(1), *data), call(GAE(0.0), *data), strict=True):
        check(got, want)
    for got, want in zip(call(NStep(T), *data), call(GAE(1.0), *data), strict=True):
        check(got, want)


@pytest.mark.parametrize("op", ALL, ids=name)
def test_truncation_bootstraps_and_termination_does_not(op):
    """Two steps by hand: reward 1 and 2, values 0, then 10 beyond the end; gamma 0.5."""
    reward, done = jnp.array([[1.0, 1.0], [2.0, 2.0]]), jnp.array([[False, False], [True, True]])
    discount = jnp.array([[0.5, 0.5], [0.5, 0.0]])  # environment 0 is cut, 1 terminates
    next_value = jnp.array([[3.0, 3.0], [10.0, 10.0]])
    value = jnp.array([[0.0, 0.0], [3.0, 3.0]])
    full = {"GAE": GAE(1.0), "NStep": NStep(2), "VTrace": VTrace()}[name(op)]
    zero = jnp.zeros_like(reward)
    _, target = call(full, reward, discount, value, next_value, done, zero)
    np.testing.assert_allclose(target, [[1 + 0.5 * 7, 1 + 0.5 * 2], [2 + 0.5 * 10, 2]])


@pytest.mark.parametrize("op", ALL, ids=name)
def test_no_reward_or_value_leaks_backward_over_a_boundary_or_to_another_environment(op):
    """The whole Jacobian: advantage and target at t depend on rewards t .. end, and no others."""
    reward, discount, value, next_value, done, log_ratio = f32(episodes(6))

    def outputs(reward, value, next_value):
        return op(reward, discount, value, next_value, done, log_ratio)

    by_reward, by_value, by_next = zip(
        *jax.jit(jax.jacrev(outputs, (0, 1, 2)))(reward, value, next_value), strict=True
    )
    t, n, u, m = np.indices((T, N, T, N))
    last = ends(np.asarray(done))
    outside = (n != m) | (u < t) | (u > last[t, n])
    for jacobian in (*by_reward, *by_value, *by_next):
        np.testing.assert_array_equal(np.where(outside, jacobian, 0.0), 0.0)
    inside = ~outside & (u <= t + 2)  # what even three steps see, wherever the task goes on
    assert all((np.asarray(x)[inside] != 0.0).all() for x in by_reward)
    terminal = (t == u) & (n == m) & (np.asarray(discount)[u, m] == 0.0)
    for jacobian in by_next:
        np.testing.assert_array_equal(np.where(terminal, jacobian, 0.0), 0.0)


def test_discounted_sum_restarts_where_the_decay_is_zero():
    x = jnp.array([[1.0], [2.0], [4.0], [8.0]])
    decay = jnp.array([[0.5], [0.0], [0.25], [9.0]])
    np.testing.assert_array_equal(discounted_sum(x, decay)[:, 0], [2.0, 2.0, 6.0, 8.0])


def test_operators_are_mapped_over_their_own_traced_fields():
    data = f32(episodes(7))
    lams = jnp.array([0.0, 0.5, 1.0])
    rows = jax.jit(jax.vmap(lambda lam: GAE(lam)(*data)[0]))(lams)
    for row, lam in zip(rows, lams, strict=True):
        check(row, call(GAE(lam), *data)[0])
