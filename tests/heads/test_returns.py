"""Return distributions against numpy and against distributions that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxac.heads.returns import Categorical, HLGauss, Quantiles, Value, quantile_huber
from jaxac.ops.reduce import First, Mean, Min, SubsetMin
from jaxac.ops.value_loss import Huber

RNG = np.random.default_rng(0)
B = 5
FAMILIES = [Value(), Quantiles(7), Categorical(-3.0, 4.0, 11)]


def random_out(returns, *lead):
    size = {Value: 1, Quantiles: 7, Categorical: 11}[type(returns)]
    return jnp.asarray(RNG.normal(size=(*lead, size)), jnp.float32)


def name(x):
    return type(x).__name__


@pytest.mark.parametrize("returns", FAMILIES, ids=name)
def test_the_layer_gives_what_the_family_reads(returns):
    module = returns.layer(3)
    params = module.init(jax.random.key(0), jnp.zeros((2, 6)))
    out = module.apply(params, jnp.ones((B, 6)))
    assert out.shape[:2] == (B, 3)
    assert returns.mean(out).shape == returns.std(out).shape == (B, 3)


@pytest.mark.parametrize("returns", FAMILIES, ids=name)
def test_samples_have_the_mean_and_deviation_that_are_told(returns):
    out = random_out(returns, 2)
    draws = jax.vmap(lambda key: returns.sample(key, out))(
        jax.random.split(jax.random.key(1), 20_000)
    )
    np.testing.assert_allclose(draws.mean(0), returns.mean(out), atol=0.05)
    np.testing.assert_allclose(draws.std(0), returns.std(out), atol=0.05)


@pytest.mark.parametrize("returns", FAMILIES, ids=name)
def test_a_backup_moves_the_mean_as_the_bellman_equation_says(returns):
    """Within the grid, for the family that has one; a discount of 0 leaves the shift alone."""
    out, shift = random_out(returns, B), jnp.linspace(-0.5, 0.5, B)
    discount = jnp.array([0.0, 0.3, 0.5, 0.5, 0.0])
    target = returns.backup(jax.random.key(0), out, shift, discount)
    mean = returns.mean(target)
    if isinstance(returns, Categorical):
        np.testing.assert_allclose(target.sum(-1), 1.0, rtol=1e-5)
        mean = (target * returns.grid).sum(-1)
    np.testing.assert_allclose(mean, shift + discount * returns.mean(out), atol=1e-5)


def test_categorical_backup_equals_the_loop_of_the_paper():
    """arXiv:1707.06887, Algorithm 1: each atom's share goes to its two neighbours, or the edge."""
    returns, low, high, num = Categorical(-3.0, 4.0, 11), -3.0, 4.0, 11
    out = random_out(returns, B)
    share = np.asarray(jax.nn.softmax(out))
    reward, discount = np.array([-9.0, 0.13, 0.0, 2.2, 9.0]), np.array([0.9, 0.9, 1.0, 0.0, 0.9])
    want, spacing = np.zeros((B, num)), (high - low) / (num - 1)
    for i in range(B):
        for j in range(num):
            moved = np.clip(reward[i] + discount[i] * (low + j * spacing), low, high)
            place = (moved - low) / spacing
            below, above = int(np.floor(place)), int(np.ceil(place))
            if below == above:
                want[i, below] += share[i, j]
            else:
                want[i, below] += share[i, j] * (above - place)
                want[i, above] += share[i, j] * (place - below)
    got = returns.backup(jax.random.key(0), out, jnp.asarray(reward), jnp.asarray(discount))
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_cross_entropy_is_least_at_the_target():
    returns = Categorical(-3.0, 4.0, 11)
    out = random_out(returns, B)
    target = jax.nn.softmax(out)
    grad = jax.grad(lambda x: returns.loss(x, x, target).sum())(out)
    np.testing.assert_allclose(grad, 0.0, atol=1e-6)
    worse = returns.loss(random_out(returns, B), out, target)
    assert (worse > returns.loss(out, out, target)).all()


@pytest.mark.parametrize("kappa", [0.1, 1.0])
def test_quantile_loss_equals_the_loop(kappa):
    """arXiv:1710.10044, eq. 10, for more targets than quantiles."""
    out, target = RNG.normal(size=(B, 4)), RNG.normal(size=(B, 9))
    want = np.zeros(B)
    for b in range(B):
        for i in range(4):
            for j in range(9):
                u = target[b, j] - out[b, i]
                huber = 0.5 * u**2 if abs(u) <= kappa else kappa * (abs(u) - 0.5 * kappa)
                want[b] += abs((2 * i + 1) / 8 - (u < 0)) * huber / kappa / 9
    returns = Quantiles(4, kappa)
    got = returns.loss(jnp.asarray(out), jnp.asarray(out), jnp.asarray(target))
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_quantile_regression_finds_the_quantiles():
    """Of 0, 1, ..., 99 with a loss that is all but linear: the middles of four quarters."""
    target = jnp.arange(100.0)[None]
    share = (jnp.arange(4) + 0.5) / 4
    grad = jax.grad(lambda x: quantile_huber(x, target, share, 1e-3).sum())
    x, _ = jax.lax.scan(
        lambda x, i: (x - 30.0 * grad(x) / (1 + i / 30), None),
        jnp.full((1, 4), 50.0),
        jnp.arange(2_000),
    )
    np.testing.assert_allclose(x[0], [12, 37, 62, 87], atol=1.5)


def test_a_value_is_trained_by_the_loss_that_stands_in_its_slot():
    out, target = jnp.array([[1.0], [5.0]]), jnp.array([[0.0], [1.0]])
    np.testing.assert_allclose(Value().loss(out, out, target), [0.5, 8.0])
    np.testing.assert_allclose(Value(Huber()).loss(out, out, target), [0.5, 3.5])
    np.testing.assert_allclose(Value().error(out, target), [1.0, 4.0])


@pytest.mark.parametrize("returns", FAMILIES, ids=name)
def test_min_takes_the_whole_distribution_of_the_least_mean(returns):
    out = random_out(returns, 4, B)
    got = np.asarray(Min()(returns, out))
    for b in range(B):
        member = int(np.argmin(returns.mean(out)[:, b]))
        np.testing.assert_array_equal(got[b], out[member, b])


def test_reductions_of_values_are_those_of_numbers():
    out, returns = random_out(Value(), 3, B), Value()
    np.testing.assert_array_equal(Min()(returns, out), out.min(0))
    np.testing.assert_allclose(Mean()(returns, out), out.mean(0), rtol=1e-6)
    np.testing.assert_array_equal(First()(returns, out), out[0])


def test_the_mean_of_categoricals_is_their_mixture():
    returns = Categorical(-3.0, 4.0, 11)
    out = random_out(returns, 3, B)
    np.testing.assert_allclose(
        jax.nn.softmax(Mean()(returns, out)), jax.nn.softmax(out).mean(0), rtol=1e-5
    )


def test_a_subset_is_drawn_anew_and_each_member_as_often():
    params = {"w": jnp.arange(5.0)}
    drawn = jax.vmap(lambda key: SubsetMin(2).members(key, params)["w"])(
        jax.random.split(jax.random.key(0), 5_000)
    )
    assert drawn.shape == (5_000, 2)
    assert (drawn[:, 0] != drawn[:, 1]).all()
    counts = np.bincount(np.asarray(drawn, int).ravel())
    np.testing.assert_allclose(counts, 2_000, atol=200)
    whole = SubsetMin(5).members(jax.random.key(0), params)["w"]
    np.testing.assert_array_equal(whole, params["w"])


def test_a_smoothed_target_is_the_mass_of_a_gaussian_on_the_grid():
    returns = HLGauss(-3.0, 4.0, 15, ratio=0.75)  # steps of 0.5
    out, target = (
        random_out(Categorical(), 1)[..., :1].repeat(15, -1),
        jnp.asarray([-3.0, 0.1, 4.9]),
    )
    got = np.asarray(returns.backup(jax.random.key(0), out, target, jnp.zeros(3)))
    for row, mean in zip(got, [-3.0, 0.1, 4.0], strict=True):
        law = scipy.stats.norm(mean, 0.75 * 0.5)
        edges = np.linspace(-3.25, 4.25, 16)
        want = np.diff(law.cdf(edges)) / (law.cdf(4.25) - law.cdf(-3.25))
        np.testing.assert_allclose(row, want, atol=1e-5)
    np.testing.assert_allclose((got[1] * np.asarray(returns.grid)).sum(), 0.1, atol=1e-3)


def test_what_is_said_of_a_smoothed_target_is_its_mean_alone():
    returns, out = HLGauss(-3.0, 4.0, 15), jnp.zeros((2, 15))
    peak = out.at[0, 7].set(50.0)  # all at 0.5, which is also the mean of equal shares
    shift, discount = jnp.full(2, 0.3), jnp.full(2, 0.9)
    got = returns.backup(jax.random.key(0), peak, shift, discount)
    np.testing.assert_allclose(got[0], got[1], atol=1e-5)
