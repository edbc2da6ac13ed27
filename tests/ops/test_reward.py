import jax
import jax.numpy as jnp
import numpy as np

from jaxac.ops.reward import ByReturn, Constant, Raw, Sign

T, N = 6, 3
RNG = np.random.default_rng(5)
ROLLOUTS = [
    (RNG.normal(0.3, 2.0, (T, N)).astype(np.float32), RNG.random((T, N)) < 0.25) for _ in range(3)
]


def test_by_return_equals_a_plain_loop_over_environments_and_time():
    """Running sum per environment, restarted by each end; the deviation is over all sums so far."""
    gamma, eps, clip = 0.8, 0.1, 1.5
    plan = ByReturn(clip, eps)
    stats = plan.init(N)
    update, scale = jax.jit(plan.update), jax.jit(plan)
    running, sums, clipped = [0.0] * N, [], 0
    assert ROLLOUTS[0][1][-1].any() and not ROLLOUTS[0][1][-1].all()
    for reward, done in ROLLOUTS:
        for t in range(T):
            for n in range(N):
                running[n] = gamma * running[n] + float(reward[t, n])
                sums.append(running[n])
                if done[t, n]:
                    running[n] = 0.0
        want = np.clip(reward / np.sqrt(np.var(sums) + eps), -clip, clip)
        stats = update(stats, reward, done, gamma)
        got = scale(stats, reward)
        np.testing.assert_allclose(got, want, rtol=1e-4)
        np.testing.assert_allclose(stats[0], running, rtol=1e-4, atol=1e-5)
        clipped += (abs(want) == clip).sum()
    assert 0 < clipped < want.size


def test_by_return_makes_the_deviation_of_discounted_sums_one():
    reward, done = ROLLOUTS[0]
    plan = ByReturn(np.inf, 0.0)
    stats = plan.update(plan.init(N), 1000.0 * reward, done, 0.9)
    _, again = plan.update(plan.init(N), plan(stats, 1000.0 * reward), done, 0.9)
    assert stats[1].var > 1e5
    np.testing.assert_allclose(again.var, 1.0, rtol=1e-4)


def test_by_return_restarts_at_an_end():
    """Rewards 1, 1, 1 with an end after the second: sums 1, 1.5, 1."""
    plan = ByReturn(np.inf, 0.0)
    done = jnp.array([[False], [True], [False]])
    running, moments = plan.update(plan.init(1), jnp.ones((3, 1)), done, 0.5)
    np.testing.assert_allclose(moments.mean, 3.5 / 3, rtol=1e-6)
    np.testing.assert_array_equal(running, [1.0])


def test_stateless_scales_by_hand():
    reward, done = jnp.array([[-2.0, 0.0, 0.5]]), jnp.zeros((1, 3), bool)
    want = {Raw(): [-2, 0, 0.5], Constant(0.5): [-1, 0, 0.25], Sign(): [-1, 0, 1]}
    for plan, scaled in want.items():
        stats = plan.update(plan.init(3), reward, done, 0.9)
        assert jax.tree.leaves(stats) == []
        np.testing.assert_array_equal(plan(stats, reward)[0], scaled)
