import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.algos.tabular import average, mac
from jaxac.algos.tabular.mdp import ring
from jaxac.core import replace
from jaxac.errors import ConfigError

SLOW = ring(6, speed=0.1, slip=0.2)
LEARNED = mac.Learned(
    jnp.float32(0.1),
    jnp.array([0.0, 0.3, 0.6, 0.9, 0.6, 0.3]),
    jax.random.normal(jax.random.key(0), (6, 2)),
)


def averaged(estimator, num, start=0):
    """Mean of the estimates of `num` walks, each from `start`, and the steps they took in all."""
    roll = mac.roll_with(SLOW, LEARNED)

    def one(key):
        _, estimate, count = estimator(key, jnp.int32(start), roll)
        return estimate, count

    def run(keys):
        estimates, counts = jax.lax.map(one, keys)
        return jax.tree.map(lambda x: x.mean(0), estimates), counts.sum()

    return jax.jit(run)(jax.random.split(jax.random.key(1), num))


def enumerated(num_steps, start=0):
    """Expected gain direction of a mean over `num_steps` steps from `start`."""
    policy = np.asarray(jax.nn.softmax(LEARNED.logits), np.float64)
    p = np.einsum("sa,sax->sx", policy, SLOW.transition)
    paid = (policy * np.asarray(SLOW.reward)).sum(-1) - float(LEARNED.gain)
    now, total = np.eye(6)[start], 0.0
    for _ in range(num_steps):
        total, now = total + now @ paid, now @ p
    return total / num_steps


def test_mean_over_levels_is_the_longest_average():
    """Weighed by their chance 2^-j, the levels telescope, path by path."""
    path = jnp.asarray(np.random.default_rng(0).normal(size=(64, 3)), jnp.float32)
    chance = [0.5**j for j in range(1, 7)]
    mean = (1 - sum(chance)) * mac.combine(path, 0)
    for j, p in enumerate(chance, 1):
        mean += p * mac.combine(path[: 2**j], j)
    np.testing.assert_allclose(mean, path.mean(0), atol=1e-5)


def test_expected_cost_grows_as_the_logarithm():
    """`combine` aside, what a draw walks: its mean is the sum of 2^-j 2^j and one step else."""
    _, steps = averaged(mac.multilevel(64), 4000)
    np.testing.assert_allclose(steps / 4000, mac.expected_steps(64), rtol=0.1)
    assert mac.expected_steps(64) == 6 + 1 / 64
    assert mac.expected_steps(2**20) < 21


def test_cap_of_one_step_is_the_ordinary_actor_critic():
    def roll(key, state, num_steps):
        return state + num_steps, jnp.arange(1.0, num_steps + 1.0)

    for seed in range(8):
        found = mac.multilevel(1)(jax.random.key(seed), jnp.int32(3), roll)
        expected = mac.batch(1)(jax.random.key(seed), jnp.int32(3), roll)
        assert [int(x) for x in found] == [int(x) for x in expected]


def test_sampled_estimate_has_the_mean_of_the_longest_average():
    found = averaged(mac.multilevel(64), 8000)[0].gain
    np.testing.assert_allclose(found, enumerated(64), atol=0.02)
    assert abs(enumerated(64) - enumerated(6)) > 0.05  # the start is remembered that much


def test_error_from_a_fixed_start_is_below_that_of_a_batch_of_equal_samples():
    """Of the actor's gradient on a slowly mixing chain; both spend about 10 steps an estimate."""
    policy = jax.nn.softmax(LEARNED.logits)
    learned = replace(LEARNED, gain=average.gain(SLOW, policy), value=average.bias(SLOW, policy))
    exact = average.gain_gradient(SLOW, LEARNED.logits)
    roll, errors = mac.roll_with(SLOW, learned), []
    for estimator in (mac.multilevel(1024), mac.batch(10)):

        def one(key, estimator=estimator):
            _, estimate, count = estimator(key, jnp.int32(0), roll)
            return estimate.logits, count

        keys = jax.random.split(jax.random.key(2), 4000)
        found, counts = jax.jit(lambda keys, one=one: jax.lax.map(one, keys))(keys)
        assert 0.8 < counts.mean() / 10 < 1.2
        errors.append(float(jnp.linalg.norm(found.mean(0) - exact)))
    assert errors[0] < 0.5 * errors[1]


def test_training_learns_from_which_side_to_go_round():
    def train(key):
        steps = 1.0, 3.0, 1.0
        return mac.actor_critic(key, ring(4, slip=0.2), mac.multilevel(16), steps, 1500)[0].logits

    logits = jax.jit(train)(jax.random.key(0))
    mdp = ring(4, slip=0.2)
    reached = average.gain(mdp, jax.nn.softmax(logits[-1]))
    assert reached > average.gain(mdp, jnp.full((4, 2), 0.5)) + 0.05


def test_lengths_that_are_no_power_of_two_are_refused():
    with pytest.raises(ConfigError, match="max_steps"):
        mac.multilevel(48)
