"""Aggregates against scipy, hand sums and a plain loop; intervals against the known truth."""

import random
import time

import numpy as np
import pytest
from scipy.stats import trim_mean

from jaxac.errors import JaxacError
from jaxac.report import stats


@pytest.mark.parametrize("count", range(1, 14))
def test_iqm_is_the_trimmed_mean_of_scipy(count):
    scores = np.random.default_rng(count).normal(size=(3, count, 2))
    np.testing.assert_allclose(stats.iqm(scores, axis=1), trim_mean(scores, 0.25, axis=1))
    np.testing.assert_allclose(stats.iqm(scores), trim_mean(scores.ravel(), 0.25))


def test_iqm_by_hand():
    assert stats.iqm([100.0, 2.0, -50.0, 4.0]) == 3.0  # of 4, one is dropped at either end
    assert stats.iqm([0.0, 1.0, 2.0, 3.0, 100.0, 9.0, 5.0]) == 20.0 / 5.0  # of 7, one still
    assert stats.iqm([1.0, 2.0, 30.0]) == 11.0  # of 3, none


def test_iqm_pools_the_axes_it_is_given():
    scores = np.random.default_rng(0).normal(size=(4, 5, 3))
    expected = [trim_mean(block.ravel(), 0.25) for block in scores]
    np.testing.assert_allclose(stats.iqm(scores, axis=(-2, -1)), expected)


def test_nan_is_not_trimmed_away():
    assert np.isnan(stats.iqm([1.0, 2.0, 3.0, np.nan]))
    assert np.isnan(stats.iqm([1.0, 2.0, 3.0, 4.0, np.nan, 6.0, 7.0, 8.0]))
    assert np.isnan(stats.bootstrap_interval([1.0, 2.0, 3.0, np.nan])).all()


def test_mean_median_and_optimality_gap_by_hand():
    scores = [[0.0, 2.0], [0.5, 0.9]]
    assert stats.mean(scores) == pytest.approx(0.85)
    assert stats.median(scores) == pytest.approx(0.7)
    assert stats.optimality_gap(scores) == pytest.approx((1.0 + 0.0 + 0.5 + 0.1) / 4)
    assert stats.optimality_gap(scores, target=2.0) == pytest.approx((2.0 + 0.0 + 1.5 + 1.1) / 4)


def test_present_iqm_leaves_out_nan():
    values = np.array([[1.0, np.nan, 3.0, np.nan], [4.0, 1.0, 100.0, 2.0], [np.nan] * 4])
    np.testing.assert_array_equal(stats.iqm_of_present(values), [2.0, 3.0, np.nan])


def test_running_median_of_a_grid_is_the_median_of_each_value():
    x = np.array([2.0, 1.0, 1.0, 2.0, 1.0, 2.0])
    y = np.array([7.0, 1.0, 5.0, 8.0, 3.0, 0.0])
    points, medians = stats.running_median(x, y)
    np.testing.assert_array_equal([points, medians], [[1.0, 2.0], [3.0, 7.0]])


def test_running_median_of_scattered_points_follows_the_trend_and_skips_an_outlier():
    x = np.random.default_rng(0).permutation(50).astype(float)
    y = np.where(x == 25.0, 1e6, x)
    points, medians = stats.running_median(x, y)
    np.testing.assert_array_equal(points, np.arange(50.0))
    assert np.all(np.diff(medians) >= 0.0) and medians.max() < 50.0
    assert stats.running_median(x[:4], y[:4])[0].size == 0


def test_interval_of_two_runs_by_enumeration():
    """The mean of two draws from {0, 1} is 0, 1/2 and 1 with chances 1/4, 1/2 and 1/4."""
    assert stats.bootstrap_interval([0.0, 1.0], stats.mean) == (0.0, 1.0)
    assert stats.bootstrap_interval([0.0, 1.0], stats.mean, level=0.4) == (0.5, 0.5)


def test_interval_agrees_with_a_plain_loop():
    scores = np.random.default_rng(5).normal([0.0, 3.0, -2.0], [1.0, 2.0, 0.5], size=(8, 3))
    draw = random.Random(0)
    estimates = [
        trim_mean([scores[draw.randrange(8), task] for task in range(3) for _ in range(8)], 0.25)
        for _ in range(1500)
    ]
    low, high = stats.bootstrap_interval(scores, num_resamples=20_000)
    expected = np.quantile(estimates, [0.025, 0.975])
    np.testing.assert_allclose([low, high], expected, atol=0.06 * (high - low))


def test_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [
        stats.bootstrap_interval(rng.normal(7.0, 3.0, size=30), num_resamples=400, seed=i)
        for i in range(400)
    ]
    held = np.mean([low <= 7.0 <= high for low, high in intervals])
    assert 0.91 < held < 0.98


def test_resampling_keeps_tasks_apart():
    """Scores that are constant within each task leave nothing to resample."""
    scores = np.tile([0.0, 1000.0, -5.0], (6, 1))
    np.testing.assert_allclose(stats.bootstrap_interval(scores, stats.mean), 995.0 / 3.0)


def test_resampling_draws_the_runs_of_each_task_independently():
    """Opposite scores would cancel in every resample of whole rows."""
    score = np.arange(10.0)
    low, high = stats.bootstrap_interval(np.stack([score, -score], axis=1), stats.mean)
    assert low < -0.5 and high > 0.5


def test_interval_depends_on_the_seed_alone(monkeypatch):
    scores = np.random.default_rng(1).normal(size=(6, 4))
    interval = stats.bootstrap_interval(scores)
    assert stats.bootstrap_interval(scores[::-1].tolist()) == interval
    assert stats.bootstrap_interval(scores, seed=1) != interval
    monkeypatch.setattr(stats, "CHUNK", 7 * scores.size)
    assert stats.bootstrap_interval(scores) == interval


@pytest.mark.parametrize("shape", [(0,), (1,), (1, 5)])
def test_one_run_has_no_interval(shape):
    assert np.isnan(stats.bootstrap_interval(np.ones(shape))).all()


def test_statistic_may_treat_runs_and_tasks_apart():
    """The median of rliable: over tasks, of each task's mean over runs."""
    scores = np.array([[1.0, 5.0, 9.0], [1.0, 5.0, 9.0]])

    def of_means(resampled, axis):
        return np.median(resampled.mean(axis=axis[0]), axis=-1)

    assert stats.bootstrap_interval(scores, of_means) == (5.0, 5.0)


def test_many_resamples_are_fast():
    start = time.process_time()
    stats.bootstrap_interval(np.random.default_rng(0).normal(size=(10, 20)), num_resamples=50_000)
    assert time.process_time() - start < 2.0  # seconds of processor time


@pytest.mark.parametrize(
    ("scores", "options", "problem"),
    [
        (np.ones((2, 2, 2)), {}, r"\[runs, tasks\]"),
        (np.ones((2, 0)), {}, r"\[runs, tasks\]"),
        (np.ones(3), {"level": 95}, "between 0 and 1"),
        (np.ones(3), {"num_resamples": 0}, "at least 1"),
    ],
)
def test_bad_input_is_refused(scores, options, problem):
    with pytest.raises(JaxacError, match=problem):
        stats.bootstrap_interval(scores, **options)


def test_iqm_intervals_of_many_groups_are_those_of_each():
    """Of several sizes: none, one, few, and so many that they are taken one by one."""
    rng = np.random.default_rng(3)
    groups = [rng.normal(size=n) for n in (5, 0, 10, 1, 5, 600, 10, 3, 5)]
    groups[0][2] = np.nan
    groups[2][:5] = np.inf
    got = stats.iqm_intervals(groups)
    want = [stats.bootstrap_interval(group) for group in groups]
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert not np.isnan(got[[4, 5, 6, 7, 8]]).any()
