import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.integrate
import scipy.special
import scipy.stats

from jaxac.envs.contract import Box, Discrete
from jaxac.errors import EnvError
from jaxac.heads import Default, Squashed
from jaxac.heads.categorical import Categorical
from jaxac.heads.normal import Normal, TanhNormal
from jaxac.heads.spread import PerAction, PerState, Softplus

LOGITS = jnp.array([[0.5, -1.0, 2.0], [0.0, 0.0, 0.0], [30.0, 0.0, -30.0]])
MEAN, LOG_STD = np.array([[0.3, -2.0], [1.5, 0.0]]), np.array([[-0.7, 0.4], [0.1, -2.0]])
OUT = jnp.asarray(np.concatenate([MEAN, LOG_STD], -1), jnp.float32)
entropy = jax.jit(lambda head, out: head.entropy(out))
TWO = {"low": (-1.0, -1.0), "high": (1.0, 1.0), "shape": (2,)}


def test_categorical_log_prob_and_entropy_equal_enumeration():
    head = Categorical(3)
    p = scipy.special.softmax(np.asarray(LOGITS, np.float64), axis=-1)
    for a in range(3):
        got = head.log_prob(LOGITS, jnp.full(3, a))
        np.testing.assert_allclose(np.exp(got), p[:, a], rtol=1e-5)
    np.testing.assert_allclose(head.entropy(LOGITS), scipy.stats.entropy(p, axis=-1), atol=1e-6)
    np.testing.assert_allclose(head.entropy(LOGITS[1]), math.log(3), rtol=1e-6)
    np.testing.assert_array_equal(head.mode(LOGITS), [2, 0, 0])
    assert head.decode(a) == a


def test_categorical_samples_follow_its_probabilities():
    sample = jax.jit(jax.vmap(Categorical(3).sample, (0, None)))
    actions = sample(jax.random.split(jax.random.key(0), 10_000), LOGITS[0])
    counts = np.bincount(actions, minlength=3)
    expected = scipy.special.softmax(np.asarray(LOGITS[0], np.float64)) * 10_000
    assert scipy.stats.chisquare(counts, expected).pvalue > 0.01


def test_one_key_gives_each_row_its_own_draw():
    assert len(np.unique(Normal(**TWO).sample(jax.random.key(0), jnp.zeros((9, 4))))) == 18
    assert len(np.unique(Categorical(4).sample(jax.random.key(0), jnp.zeros((64, 4))))) == 4


def test_normal_log_prob_entropy_and_mode_equal_scipy():
    head, action = Normal(**TWO), jnp.array([[0.0, 5.0], [-1.0, 0.2]])
    law = scipy.stats.norm(MEAN, np.exp(LOG_STD))
    np.testing.assert_allclose(head.log_prob(OUT, action), law.logpdf(action).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(head.entropy(OUT), law.entropy().sum(-1), rtol=1e-5)
    np.testing.assert_allclose(head.mode(OUT), MEAN, rtol=1e-6)


def test_gaussian_samples_follow_their_law_and_are_kept_before_the_squashing():
    keys = jax.random.split(jax.random.key(0), 5_000)
    both = [jax.vmap(head(**TWO).sample, (0, None)) for head in (Normal, TanhNormal)]
    actions, same = (np.asarray(x) for x in jax.jit(lambda: [f(keys, OUT) for f in both])())
    np.testing.assert_array_equal(actions, same)
    for i, j in np.ndindex(2, 2):
        law = scipy.stats.norm(MEAN[i, j], np.exp(LOG_STD[i, j]))
        assert scipy.stats.kstest(actions[:, i, j], law.cdf).pvalue > 0.01
    correlation = np.corrcoef(actions.reshape(-1, 4).T) - np.eye(4)
    assert abs(correlation).max() < 0.05


@pytest.mark.parametrize(("mean", "log_std"), [(0.0, 0.0), (0.8, -1.0), (-1.5, 0.5)])
def test_density_of_the_decoded_tanh_normal_integrates_to_one(mean, log_std):
    """The environment's action x = 3 + 2 tanh(u) has the density exp(log_prob(u)) / 2 on [1, 5]."""
    head = TanhNormal((1.0,), (5.0,), (1,))
    u = np.linspace(-9.0, 9.0, 20_001)
    x = 3.0 + 2.0 * np.tanh(u)
    u = jnp.asarray(u[:, None], jnp.float32)
    decoded, log_prob = jax.jit(lambda out, u: (head.decode(u), head.log_prob(out, u)))(
        jnp.array([mean, log_std]), u
    )
    np.testing.assert_allclose(decoded[:, 0], x, atol=1e-5)
    density = np.exp(np.asarray(log_prob, np.float64)) / 2.0
    assert scipy.integrate.trapezoid(density, x) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("log_std", [-3.0, -1.0, 0.0, 1.0])
@pytest.mark.parametrize("mean", [0.0, 1.0, -3.0])
def test_tanh_normal_entropy_equals_integration(mean, log_std):
    head = TanhNormal((-1.0,), (1.0,), (1,))
    law = scipy.stats.norm(mean, math.exp(log_std))

    def integrand(u):
        return law.pdf(u) * (law.logpdf(u) - math.log(4.0) + 2.0 * np.logaddexp(u, -u))

    # d tanh(u) / du = 4 / (e^u + e^-u)^2, which subtracts its logarithm from the density's
    span = 12.0 * math.exp(log_std)
    exact = -scipy.integrate.quad(integrand, mean - span, mean + span, limit=400)[0]
    got = entropy(head, jnp.array([mean, log_std]))
    assert got == pytest.approx(exact, abs=2e-3)


def test_tanh_normal_entropy_equals_monte_carlo():
    head = TanhNormal(**TWO)
    noise = np.random.default_rng(0).normal(size=(40_000, *MEAN.shape))
    actions = jnp.asarray(MEAN + np.exp(LOG_STD) * noise, jnp.float32)
    surprise = -np.asarray(jax.jit(head.log_prob)(OUT, actions))
    error = surprise.std(0) / math.sqrt(len(noise))
    assert error.max() < 0.02
    np.testing.assert_array_less(abs(surprise.mean(0) - entropy(head, OUT)), 4.0 * error)


def test_tanh_normal_stays_finite_far_from_the_middle():
    head = TanhNormal((-1.0,), (1.0,), (1,))
    u = jnp.array([[-60.0], [60.0]])
    both = jax.vmap(jax.value_and_grad(head.log_prob, 1), (None, 0))
    value, slope = jax.jit(both)(jnp.zeros(2), u)
    assert jnp.isfinite(value).all() and jnp.isfinite(slope).all()
    np.testing.assert_allclose(head.decode(u), [[-1.0], [1.0]])


@pytest.mark.parametrize("shape", [(), (1,), (2, 3)], ids=str)
@pytest.mark.parametrize("policy", [Default(), Squashed()], ids=lambda x: type(x).__name__)
def test_decode_maps_into_the_bounds_and_has_the_shape_of_the_space(policy, shape):
    low = np.linspace(-3.0, -2.0, math.prod(shape)).astype(np.float32)
    high = np.linspace(1.0, 4.0, math.prod(shape)).astype(np.float32)
    head = policy(Box(shape, tuple(map(float, low)), tuple(map(float, high))))

    def run(key, features):
        layer = head.layer()
        out = layer.apply(layer.init(key, features), features)
        action = head.sample(key, out)
        return out, action, head.log_prob(out, action), head.entropy(out), head.decode(action)

    shapes = [x.shape for x in jax.eval_shape(run, jax.random.key(0), jnp.ones((5, 7)))]
    assert shapes == [(5, 2 * low.size), (5, low.size), (5,), (5,), (5, *shape)]
    action = 10.0 * np.random.default_rng(0).normal(size=(5, low.size))
    env_action, middle = (np.asarray(head.decode(jnp.asarray(x))) for x in (action, 0 * action))
    assert env_action.shape == (5, *shape)
    flat = env_action.reshape(5, -1)
    assert (flat >= low).all() and (flat <= high).all() and flat.std() > 0.5
    want = np.tile(0.5 * (low + high), (5, 1))
    np.testing.assert_allclose(middle.reshape(5, -1), want, rtol=1e-6)


def test_normal_decodes_one_to_the_bound_and_clips_beyond():
    head = Default()(Box((2,), (-2.0, 0.0), (2.0, 10.0)))
    got = head.decode(jnp.array([[1.0, -1.0], [0.5, 0.5], [3.0, -9.0]]))
    np.testing.assert_allclose(got, [[2.0, 0.0], [1.0, 7.5], [2.0, 0.0]])


def test_unbounded_dimensions_keep_their_units_and_half_bounded_ones_are_clipped():
    inf = math.inf
    head = Default()(Box((4,), (-inf, 0.0, -1.0, -inf), (inf, inf, 3.0, 5.0)))
    got = head.decode(jnp.array([[7.0, -4.0, 0.0, 7.0], [-7.0, 4.0, 1.0, -7.0]]))
    np.testing.assert_array_equal(got, [[7.0, 0.0, 1.0, 5.0], [-7.0, 4.0, 3.0, -7.0]])


def test_initial_layer_has_the_given_log_std_traced_and_a_small_mean():
    def out(log_std):
        head = Default(spread=PerAction(log_std))(Box((3,), -1.0, 1.0))
        params = head.layer().init(jax.random.key(0), jnp.zeros(8))
        return head.layer().apply(params, jnp.ones((2, 8)))

    rows = jax.jit(jax.vmap(out))(jnp.array([0.0, -1.5]))
    assert (rows[0, :, 3:] == 0.0).all() and (rows[1, :, 3:] == -1.5).all()
    assert 0.0 < abs(rows[..., :3]).max() < 0.05


@pytest.mark.parametrize("least", [0.0, 0.3])
@pytest.mark.parametrize("spread", [PerAction, Softplus, PerState])
def test_a_spread_starts_where_it_is_told_and_stays_above_its_least(spread, least):
    layer = Default(spread=spread(-1.0, least))(Box((2,), -1.0, 1.0)).layer()
    params = layer.init(jax.random.key(0), jnp.zeros(8))
    rows = jax.jit(layer.apply)(params, jax.random.normal(jax.random.key(1), (64, 8)))
    std = np.exp(rows[:, 2:])
    np.testing.assert_allclose(std.mean(), math.exp(-1.0) + least, rtol=0.02)
    assert (np.ptp(std, axis=0) > 0).all() == (spread is PerState)
    low = jax.tree.map(lambda x: x - 50.0, params)
    assert (np.exp(layer.apply(low, jnp.zeros((1, 8)))[:, 2:]) >= least * 0.999).all()


def test_default_is_categorical_for_discrete():
    assert Default(scale=0.5)(Discrete(7)) == Categorical(7, 0.5)


@pytest.mark.parametrize("space", [Discrete(2), Box((2,), -1.0), Box((2,), (-1.0, -math.inf), 1.0)])
def test_squashed_refuses_what_has_no_finite_bounds(space):
    with pytest.raises(EnvError, match=r"needs a bounded Box of actions.*use Default"):
        Squashed()(space)


def test_kl_is_the_mean_difference_of_log_probabilities_and_zero_to_itself():
    rng = np.random.default_rng(0)
    for head, size in ((Categorical(3), 3), (Normal(**TWO), 4), (TanhNormal(**TWO), 4)):
        out, other = jnp.asarray(0.5 * rng.normal(size=(2, size)), jnp.float32)
        many = jnp.broadcast_to(out, (200_000, size))
        action = head.sample(jax.random.key(0), many)
        each = head.log_prob(many, action) - head.log_prob(
            jnp.broadcast_to(other, many.shape), action
        )
        want = head.kl(out, other)
        assert want > 0.001
        np.testing.assert_allclose(each.mean(), want, atol=4.0 * each.std() / 200_000**0.5)
        np.testing.assert_allclose(head.kl(out, out), 0.0, atol=1e-6)
