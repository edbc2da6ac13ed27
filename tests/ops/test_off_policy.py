"""Operators of off-policy methods: temperatures, slow copies, exploration, bootstraps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.core import scheduled
from jaxac.envs import Box, Discrete
from jaxac.errors import EnvError
from jaxac.heads.categorical import ILLEGAL
from jaxac.heads.reparameterised import Between, Clipped, Deterministic, Stochastic
from jaxac.nets.layer import Noisy
from jaxac.ops.bootstrap import Double, Max, Munchausen
from jaxac.ops.choice import Boltzmann, EpsilonGreedy, Greedy
from jaxac.ops.explore import Gaussian, OrnsteinUhlenbeck, Sampled
from jaxac.ops.objective import Climb, ClimbAndClone
from jaxac.ops.proposal import Smoothed, Untouched
from jaxac.ops.schedule import Linear
from jaxac.ops.slow import Hard, Online, Polyak
from jaxac.ops.temperature import Fixed, Learned

RNG = np.random.default_rng(0)
BOX = Box((2,), (-1.0, 0.0), (3.0, 0.5))
N = 4_000


def test_a_learned_temperature_falls_above_the_target_and_rises_below():
    plan = Learned(start=0.5, target=-2.0, learning_rate=0.01)
    state = plan.init()
    np.testing.assert_allclose(plan(state), 0.5, rtol=1e-6)
    assert plan(plan.update(state, jnp.float32(-5.9), 3)) < 0.5
    assert plan(plan.update(state, jnp.float32(-6.1), 3)) > 0.5


def test_the_temperature_settles_where_the_entropy_is_the_target():
    """A policy whose entropy is log alpha, as that of a Gaussian is up to scale."""
    plan = Learned(start=1.0, target=-1.5, learning_rate=0.02)
    state, _ = jax.lax.scan(
        lambda s, _: (plan.update(s, jnp.log(plan(s)), 1), None), plan.init(), length=500
    )
    np.testing.assert_allclose(jnp.log(plan(state)), -1.5, atol=0.02)


def test_a_fixed_temperature_stays():
    plan = Fixed(0.3)
    assert plan(plan.update(plan.init(), jnp.float32(9.0), 1)) == 0.3


def run_slow(plan, steps=10):
    copy = plan.init({"w": jnp.float32(0.0)})
    seen = []
    for step in range(1, steps + 1):
        params = {"w": jnp.float32(step)}
        copy = plan.update(copy, params, jnp.int32(step))
        seen.append(float(plan.read(copy, params)["w"]))
    return seen


def test_slow_copies_by_hand():
    assert run_slow(Online(), 3) == [1, 2, 3]
    assert run_slow(Polyak(1.0), 3) == [1, 2, 3]
    np.testing.assert_allclose(run_slow(Polyak(0.5), 3), [0.5, 1.25, 2.125])
    np.testing.assert_allclose(run_slow(Polyak(0.5, every=2), 4), [0, 1, 1, 2.5])
    assert run_slow(Hard(3), 7) == [0, 0, 3, 3, 3, 6, 6]


def test_a_squashed_gaussian_has_the_density_of_its_samples():
    """The mean of exp(-log_prob) over samples is the volume of the range: 2 per dimension."""
    head = Stochastic()(BOX)
    out = jnp.broadcast_to(jnp.array([0.3, -0.2, -0.5, 0.1]), (200_000, 4))
    action, log_prob = head.sample(jax.random.key(0), out)
    assert (jnp.abs(action) <= 1).all()
    np.testing.assert_allclose(jnp.exp(-log_prob).mean(), 4.0, rtol=0.02)


def test_decoded_actions_fill_the_range():
    for plan in (Stochastic(), Deterministic()):
        head = plan(BOX)
        np.testing.assert_allclose(head.range.decode(jnp.array([[-1.0, -1.0]])), [[-1.0, 0.0]])
        np.testing.assert_allclose(head.range.decode(jnp.array([[1.0, 1.0]])), [[3.0, 0.5]])
        with pytest.raises(EnvError, match="bounded Box"):
            plan(Discrete(2))
        with pytest.raises(EnvError, match="bounded Box"):
            plan(Box((1,)))


def test_spreads_keep_to_their_bounds():
    raw = jnp.linspace(-60.0, 60.0, 101)
    for plan in (Clipped(-4.0, 1.0), Between(-4.0, 1.0)):
        got = plan(raw)
        np.testing.assert_allclose([got.min(), got.max()], [-4.0, 1.0], atol=1e-5)
        assert (jnp.diff(got) >= 0).all()


def test_exploration_by_hand():
    head = Deterministic()(BOX)
    out = jnp.zeros((N, 2)) + jnp.arctanh(0.25)
    action, _ = Gaussian(0.1)(jax.random.key(0), (), head, out)
    np.testing.assert_allclose(action.mean(), 0.25, atol=0.01)
    np.testing.assert_allclose(action.std(), 0.1, atol=0.01)
    far, _ = Gaussian(5.0)(jax.random.key(0), (), head, out)
    assert jnp.abs(far).max() == 1.0
    same, _ = Sampled()(jax.random.key(0), (), head, out)
    np.testing.assert_allclose(same, 0.25, rtol=1e-5)


def test_noise_that_drifts_has_the_closed_forms_spread():
    """Its variance is sigma^2 / (1 - (1 - theta)^2), the correlation of two steps 1 - theta."""
    plan, head = OrnsteinUhlenbeck(0.3, 0.1), Deterministic()(BOX)
    memory, out = plan.init(N, 2), jnp.zeros((N, 2))
    step = jax.jit(lambda key, memory: plan(key, memory, head, out))
    for i in range(40):
        before = memory
        action, memory = step(jax.random.key(i), memory)
    np.testing.assert_array_equal(action, memory)
    np.testing.assert_allclose(memory.var(), 0.01 / (1 - 0.49), rtol=0.05)
    np.testing.assert_allclose((before * memory).mean() / before.var(), 0.7, rtol=0.05)


def test_smoothed_proposals_stay_near_and_in_the_range():
    action = jnp.zeros((N, 2)) + 0.9
    noisy = Smoothed(0.2, 0.3)(jax.random.key(0), action)
    assert noisy.max() == 1.0 and abs(noisy.min() - 0.6) < 1e-6
    np.testing.assert_array_equal(Untouched()(jax.random.key(0), action), action)
    np.testing.assert_array_equal(Smoothed(0.0)(jax.random.key(0), action), action)


def test_cloning_adds_the_squared_distance_and_scales_q():
    q, cost = jnp.array([2.0, -4.0]), jnp.array([0.5, 0.25])
    action, done = jnp.array([[0.0, 1.0], [0.5, 0.5]]), jnp.array([[1.0, 1.0], [0.5, -0.5]])
    np.testing.assert_allclose(Climb()(q, cost, action, done), cost - q)
    want = np.array(cost) - 3.0 * np.array(q) / 3.0 + [0.5, 0.5]
    np.testing.assert_allclose(ClimbAndClone(3.0)(q, cost, action, done), want)


def test_epsilon_greedy_has_the_shares_that_it_says_among_legal_actions():
    q = jnp.broadcast_to(jnp.array([1.0, 3.0, ILLEGAL, 2.0]), (30_000, 4))
    action = EpsilonGreedy(0.3)(jax.random.key(0), q)
    np.testing.assert_allclose(
        np.bincount(action, minlength=4) / 30_000, [0.1, 0.8, 0, 0.1], atol=0.01
    )
    np.testing.assert_array_equal(Greedy()(jax.random.key(0), q), 1)


def test_boltzmann_has_the_softmax_shares():
    q = jnp.broadcast_to(jnp.array([0.0, 1.0, ILLEGAL]), (30_000, 3))
    share = np.bincount(Boltzmann(0.5)(jax.random.key(0), q), minlength=3) / 30_000
    np.testing.assert_allclose(share, jax.nn.softmax(jnp.array([0.0, 2.0, -1e9])), atol=0.01)


def test_exploration_ends_where_its_schedule_says():
    plan = EpsilonGreedy(Linear(1.0, 0.1, 0.2))
    for progress, want in ((0.0, 1.0), (0.1, 0.55), (0.2, 0.1), (0.9, 0.1)):
        np.testing.assert_allclose(scheduled(plan, jnp.float32(progress)).epsilon, want, rtol=1e-6)


def test_double_and_max_differ_in_who_chooses():
    q, slow = jnp.array([[1.0, 2.0, 0.0]]), jnp.array([[5.0, 3.0, 4.0]])
    np.testing.assert_array_equal(Max().weights(q, slow), [[1, 0, 0]])
    np.testing.assert_array_equal(Double().weights(q, slow), [[0, 1, 0]])


def test_munchausen_equals_its_formula():
    """arXiv:2007.14430, eq. 1 and 2, one row at a time in numpy."""
    plan, slow = Munchausen(0.4, 0.9, -1.0), RNG.normal(size=(6, 3))
    action = np.array([0, 1, 2, 0, 1, 2])
    for row, a in zip(slow, action, strict=True):
        prob = np.exp(row / 0.4) / np.exp(row / 0.4).sum()
        bonus = 0.9 * np.clip(0.4 * np.log(prob[a]), -1.0, 0.0)
        soft_value = (prob * (row - 0.4 * np.log(prob))).sum()
        x = jnp.asarray(row)[None]
        value = (plan.weights(x, x) * x).sum(-1) + plan.entropy(x)
        np.testing.assert_allclose(value, [soft_value], rtol=1e-5)
        np.testing.assert_allclose(plan.bonus(x, jnp.array([a])), [bonus], rtol=1e-4)


def test_munchausen_without_bonus_and_temperature_is_max():
    plan, slow = Munchausen(1e-4, 0.0), jnp.asarray(RNG.normal(size=(6, 3)))
    np.testing.assert_allclose(plan.weights(slow, slow), Max().weights(slow, slow), atol=1e-6)
    np.testing.assert_allclose(plan.entropy(slow), 0.0, atol=1e-3)
    np.testing.assert_array_equal(plan.bonus(slow, jnp.zeros(6, int)), 0.0)


def test_noisy_weights_have_mean_and_spread_that_are_declared():
    module = Noisy(0.5)(3)
    x = jnp.ones((1, 16))
    params = module.init({"params": jax.random.key(0)}, x)
    quiet = module.apply(params, x)
    draw = jax.jit(lambda key: module.apply(params, x, rngs={"noise": key}))
    drawn = jax.vmap(draw)(jax.random.split(jax.random.key(1), 20_000))
    np.testing.assert_allclose(drawn.mean(0), quiet, atol=0.02)
    # sigma / sqrt(F) times f(z_in) f(z_out), where f(z)^2 = |z| has mean sqrt(2 / pi)
    mean = np.sqrt(2 / np.pi)
    want = (0.5 / 4) ** 2 * (16 * mean**2 + mean)
    np.testing.assert_allclose(drawn.var(0), want, rtol=0.15)
