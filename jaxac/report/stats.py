"""Aggregate scores over runs and tasks, and say how sure the aggregate is.

Source: Agarwal et al. 2021, arXiv:2108.13264, section 4 (rliable). Scores are returns or
normalised returns, as `[runs]` for one task or `[runs, tasks]`. NaN is never trimmed away: a
statistic over a NaN is NaN, and so is its interval.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from jaxac.errors import JaxacError

Values = NDArray[np.float64]
Axis = int | tuple[int, ...] | None  # the axes that are pooled and reduced; None is all of them
Statistic = Callable[[Values, tuple[int, ...]], Values]

CHUNK = 2**20  # resampled scores held at a time: 8 MiB an array


def iqm(scores: ArrayLike, axis: Axis = None) -> Values:
    """Interquartile mean: the mean of the middle half of the scores, in score units.

    Source: Agarwal et al. 2021, section 4.3; equals `scipy.stats.trim_mean(scores, 0.25, axis)`.
    Of n scores, floor(n / 4) are dropped at either end whole: where n is no multiple of 4 the
    quarter is rounded down, no score is weighted, and up to 3 scores all count (the plain mean).
    """
    rows = _pool(np.asarray(scores, np.float64), axis)  # [..., n]
    count = rows.shape[-1]
    cut = count // 4
    if cut == 0:
        return np.mean(rows, axis=-1)
    ordered = np.sort(rows, axis=-1)  # several times faster than a partition for few scores
    middle = np.mean(ordered[..., cut : count - cut], axis=-1)
    return np.where(np.isnan(rows).any(axis=-1), np.nan, middle)[()]


def mean(scores: ArrayLike, axis: Axis = None) -> Values:
    """Arithmetic mean, in score units."""
    return np.mean(np.asarray(scores, np.float64), axis=axis)


def median(scores: ArrayLike, axis: Axis = None) -> Values:
    """Median of the pooled scores, in score units.

    Departs from rliable, whose median over `[runs, tasks]` is that of the tasks' mean scores:
    `median(mean(scores, axis=0))`.
    """
    return np.median(np.asarray(scores, np.float64), axis=axis)


def optimality_gap(scores: ArrayLike, axis: Axis = None, target: float = 1.0) -> Values:
    """Mean amount by which scores miss `target`, in score units; lower is better.

    Source: Agarwal et al. 2021, section 4.3. Scores above the target count as the target; 1.0
    is the reference's own score where scores are normalised.
    """
    return np.mean(np.maximum(target - np.asarray(scores, np.float64), 0.0), axis=axis)


def bootstrap_interval(
    scores: ArrayLike,  # [runs] or [runs, tasks]
    statistic: Statistic = iqm,
    level: float = 0.95,  # share of such intervals meant to hold the truth, in (0, 1)
    num_resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval `(low, high)` of a statistic, stratified over tasks.

    Source: Agarwal et al. 2021, section 4.1: within each task, runs are drawn with replacement,
    independently of the other tasks. `statistic(resampled, axis)` gets `[resamples, runs, tasks]`
    and reduces the last two axes. Equal scores, in whatever order the runs come, give an equal
    interval. Below 2 runs it is
    `(nan, nan)`: one run says nothing of the spread. Few runs give too narrow an interval: of
    normal scores, about 75% of the 95% intervals hold the truth at 3 runs, 90% at 5, 93% at 10.

    Raises JaxacError for scores of another rank, without tasks, or options out of range.
    """
    values = np.asarray(scores, np.float64)
    if values.ndim not in (1, 2) or values.shape[1:] == (0,):
        raise JaxacError(f"scores must be [runs] or [runs, tasks], not of shape {values.shape}")
    if not 0.0 < level < 1.0:
        raise JaxacError(f"level must lie between 0 and 1, e.g. 0.95, not {level}")
    if num_resamples < 1:
        raise JaxacError(f"num_resamples must be at least 1, not {num_resamples}")
    runs = len(values)
    if runs < 2:
        return float("nan"), float("nan")

    values = np.sort(values.reshape(runs, -1), axis=0)
    tasks = values.shape[1]
    chunk = min(num_resamples, max(1, CHUNK // values.size))
    estimates = np.empty(num_resamples)
    for start, drawn in _draws(runs, tasks, num_resamples, chunk, seed):
        resampled = values.ravel()[drawn]
        estimates[start : start + len(drawn)] = statistic(resampled, (-2, -1))
    low, high = _interval(estimates, level)
    return float(low), float(high)


def iqm_intervals(
    groups: Sequence[Values],  # each [runs]
    level: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Values:
    """The `bootstrap_interval` of each group's IQM, [groups, 2], but for rounding; sooner.

    A resample of ordered scores is ordered if its places are, and the mean of its middle half is
    then linear in the scores: one matrix product for all groups of a size.
    """
    found = np.full((len(groups), 2), np.nan)
    simple = [len(x) * num_resamples <= CHUNK and bool(np.isfinite(x).all()) for x in groups]
    for i in np.flatnonzero(np.logical_not(simple)):
        found[i] = bootstrap_interval(groups[int(i)], iqm, level, num_resamples, seed)
    sizes = np.where(simple, [len(x) for x in groups], 0)
    for runs in np.unique(sizes[sizes > 1]):
        places = np.flatnonzero(sizes == runs)
        drawn = np.sort(_all_draws(int(runs), 1, num_resamples, seed)[..., 0], axis=1)
        middle = drawn[:, runs // 4 : runs - runs // 4]
        share = np.zeros((runs, num_resamples))
        np.add.at(share, (middle, np.arange(num_resamples)[:, None]), 1.0 / middle.shape[1])
        for some in np.array_split(places, -(-len(places) * num_resamples // CHUNK)):
            values = np.sort(np.stack([groups[int(i)] for i in some]), axis=1)
            found[some] = np.transpose(_interval(values @ share, level))
    return found


def _interval(estimates: Values, level: float) -> Values:
    """Low and high ends of the middle `level` of estimates [..., resamples], [2, ...]."""
    tail = (1.0 - level) / 2.0
    return np.quantile(estimates, [tail, 1.0 - tail], axis=-1)


def _draws(
    runs: int, tasks: int, count: int, chunk: int, seed: int
) -> Iterator[tuple[int, NDArray[np.int64]]]:
    """Where each resample takes its scores from, `[chunk, runs, tasks]` at a time."""
    if chunk == count:
        yield 0, _all_draws(runs, tasks, count, seed)
        return
    rng = np.random.default_rng(seed)
    for start in range(0, count, chunk):
        yield start, _drawn(rng, runs, tasks, min(chunk, count - start))


@functools.lru_cache(8)  # a table asks for the same ones row by row
def _all_draws(runs: int, tasks: int, count: int, seed: int) -> NDArray[np.int64]:
    return _drawn(np.random.default_rng(seed), runs, tasks, count)


def _drawn(rng: np.random.Generator, runs: int, tasks: int, count: int) -> NDArray[np.int64]:
    return rng.integers(runs, size=(count, runs, tasks)) * tasks + np.arange(tasks)


def iqm_of_present(values: Values) -> Values:
    """IQM of each row of `[rows, runs]` over its runs that are not NaN; NaN for a row of none."""
    ordered = np.sort(values, axis=1)  # NaN comes last
    counts = np.sum(~np.isnan(values), axis=1)
    result = np.full(len(values), np.nan)
    for count in np.unique(counts[counts > 0]):
        rows = counts == count
        result[rows] = iqm(ordered[rows, :count], axis=1)
    return result


def running_median(x: Values, y: Values) -> tuple[Values, Values]:
    """Where `[K]`, and what, the medians of y are along x, over windows of neighbouring points.

    Where x is a grid (a third as many values as points, or fewer) a window is a value of it. Else
    it is one of the n points and up to max(sqrt(n), n / 8) at either side of it; below 5 points
    there is none.
    """
    order = np.argsort(x, kind="stable")
    points, starts = np.unique(x[order], return_index=True)
    if 3 * len(points) <= len(x):
        windows = np.split(order, starts[1:]) if len(x) else []
        return points, np.array([np.median(y[window]) for window in windows])
    if len(x) < 5:
        return np.empty(0), np.empty(0)
    side = max(math.isqrt(len(x)), len(x) // 8)
    windows = [order[max(0, i - side) : i + side + 1] for i in range(len(x))]
    return x[order], np.array([np.median(y[window]) for window in windows])


def _pool(values: Values, axis: Axis) -> Values:
    """The reduced axes as one last axis."""
    if axis is None:
        return values.reshape(-1)
    axes = (axis,) if isinstance(axis, int) else axis
    moved = np.moveaxis(values, axes, range(-len(axes), 0))
    lead = moved.shape[: moved.ndim - len(axes)]
    return moved.reshape(*lead, np.prod(moved.shape[len(lead) :], dtype=int))
