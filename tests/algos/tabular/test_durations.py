"""Durations bias what is learned from finished actions, or do not: by how workers go on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import durations

DURATION = jnp.asarray([1, 10])
REWARD = jnp.asarray([0.4, 1.0])
LOGITS = jnp.asarray([0.3, -0.2])
POLICY = jax.nn.softmax(LOGITS)
WAYS = {
    "repeated": durations.repeated(DURATION, 20),
    "renewed": durations.renewed(DURATION, 20),
    "restarted": durations.restarted(DURATION, 20),
}


def share_of_slow(weighted):
    return float(weighted[1] / weighted.sum())


def end(way, weight, reward=REWARD):
    with_weight = durations.climb(LOGITS, reward, DURATION, WAYS[way], weight, 0.5, 5_000)
    return np.asarray(with_weight[-1])


def test_the_gradient_of_the_policys_own_samples_is_that_of_the_expected_reward():
    want = jax.grad(lambda z: jax.nn.softmax(z) @ REWARD)(LOGITS)
    np.testing.assert_allclose(durations.gradient(LOGITS, REWARD, POLICY), want, atol=1e-6)


def test_of_workers_that_repeat_only_the_weighted_update_is_the_synchronous_one():
    want = durations.gradient(LOGITS, REWARD, POLICY)

    def update(weight):
        weighted = WAYS["repeated"](POLICY) * weight(DURATION)
        return durations.gradient(LOGITS, REWARD, weighted / weighted.sum())

    np.testing.assert_allclose(update(durations.by_duration), want, atol=1e-6)
    assert update(durations.alike)[1] < 0.0 < want[1], "unweighted it goes the other way"


def test_equal_durations_change_nothing():
    same = jnp.full(2, 3)
    for way in (durations.repeated(same, 12), durations.renewed(same, 12)):
        np.testing.assert_allclose(way(POLICY) / way(POLICY).sum(), POLICY, rtol=1e-6)
    np.testing.assert_allclose(durations.restarted(same, 12)(POLICY), 4 * POLICY, rtol=1e-6)
    np.testing.assert_allclose(durations.by_duration(same), 1.0)


def test_the_slow_but_better_action_is_chosen_by_weight_where_workers_repeat():
    assert end("repeated", durations.alike)[1] < 0.01
    assert end("repeated", durations.by_duration)[1] > 0.99


def test_where_workers_are_renewed_the_weight_is_the_bias():
    """It would choose a slow action that is worth less."""
    worse = jnp.asarray([1.0, 0.4])
    assert end("renewed", durations.alike)[1] > 0.99
    assert end("renewed", durations.alike, worse)[1] < 0.01
    assert end("renewed", durations.by_duration, worse)[1] > 0.99


def test_restarted_workers_are_counted_as_enumeration_does():
    """Of 20 units: every sequence of draws that fills them."""
    want = np.zeros(2)

    def follow(left, chance):
        for a, d in enumerate((1, 10)):
            if d <= left:
                want[a] += chance * POLICY[a]
                follow(left - d, chance * POLICY[a])

    follow(20, 1.0)
    np.testing.assert_allclose(WAYS["restarted"](POLICY), want, rtol=1e-4)
    shares = [share_of_slow(WAYS[k](POLICY)) for k in ("repeated", "restarted", "renewed")]
    assert shares == sorted(shares) and shares[2] == pytest.approx(float(POLICY[1]), abs=1e-6)


def test_drawn_windows_have_the_expected_counts():
    keys = jax.random.split(jax.random.key(0), 4_000)

    def mean(num_windows):
        found = jax.vmap(lambda k: durations.finished(k, POLICY, DURATION, 20, num_windows))(keys)
        return np.asarray(found.mean(0))

    np.testing.assert_allclose(mean(1)[0], WAYS["restarted"](POLICY), rtol=0.02)
    np.testing.assert_allclose(mean(12)[4:].mean(0), WAYS["renewed"](POLICY), rtol=0.02)


def test_where_nothing_finishes_nothing_is_learned():
    counts = durations.restarted(jnp.asarray([5, 6]), 4)
    found = durations.climb(LOGITS, REWARD, DURATION, counts, durations.alike, 0.5, 3)
    np.testing.assert_allclose(found, np.tile(POLICY, (3, 1)), rtol=1e-6)
