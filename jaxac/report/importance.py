"""Which hyper-parameters mattered in a sweep: functional ANOVA of the final scores.

Source: Hutter, Hoos and Leyton-Brown 2014, "An Efficient Approach for Assessing Hyperparameter
Importance", through Optuna's evaluator. Departs from it in how values become numbers: Optuna's
evaluator weighs a log axis as if it were linear, and 0/1 columns of a category as if none or
several could be 1. Here every axis is [0, 1] with equal weight everywhere, after its logarithm
where it is swept so, and categories are equal parts of it in the order of their mean scores, which
loses no split (Fisher 1958).
"""

import contextlib
import importlib
import importlib.metadata
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from packaging.requirements import Requirement

from jaxac.errors import ReportError
from jaxac.fields import Choice, LogUniform, Search
from jaxac.report import tables
from jaxac.report.drawing import is_log

REQUIREMENTS = ("optuna>=4.0,<5", "scikit-learn>=1.5,<2")  # as in pyproject.toml
COMMAND = 'python -m pip install "jaxac[optuna]"'
LEAST = 4  # configurations: fewer fit anything
TREES = 64
DEPTH = 8  # at most 256 leaves: the time for a thousand configurations is seconds, not minutes
SEED = 0
COLUMNS = ("hyperparameter", "importance", "std", "configs", "diverged")
FORMATS = ("md", "csv")


def importance(
    frame: pd.DataFrame,
    configs: pd.DataFrame,
    status: pd.Series | None = None,
    metric: str = "eval_return",
    space: Mapping[str, Search] | None = None,
) -> pd.DataFrame:
    """The share of the variance of the final IQM of `metric` that each hyper-parameter explains.

    `frame`, `configs` and `status` are those of `jaxac.report.tables`; `space` maps columns of
    `configs` to the ranges they were drawn from, and what it leaves out is judged by its values:
    on a log axis if they spread over decades, by levels of equal weight if each recurs three times
    or more. One row per hyper-parameter, the most important first: `hyperparameter`, `importance`
    in [0, 1], its main effect averaged over all others; `std`, the standard deviation over trees,
    each of a bootstrap sample of the configs; `configs`, how many it rests on; `diverged`, how many
    of these diverged. The sum is at most 1; the rest is interactions and noise. Where `configs` has
    a column `env`, each environment is analysed by itself and comes first in the row. Equal inputs
    give equal numbers.

    A config with a diverged or infinite run counts with the worst finite score; one that was
    stopped early with the score it had then; one without a score not at all. A hyper-parameter that
    a config lacks, because a condition left it out, has no effect there: the config gets a value of
    the others, so that what the condition does is not put down to it. One that never varies has no
    importance, and one that no config of an environment has no row there. An environment that
    cannot be analysed yet has NaN.

    Raises ReportError if Optuna or scikit-learn is missing, or if nothing can be analysed: below 4
    scored configs, no hyper-parameter that takes two values, or equal scores.
    """
    optuna = _load()
    parts, problems = [], []
    for env, here, some, states in tables.by_env(frame, configs, status):
        some = some.drop(columns="env", errors="ignore").dropna(axis="columns", how="all")
        some = some.sort_index()
        where = f" on {env}" if env else ""
        score, diverged = _scores(tables.rank(here, some, states, metric))
        known = ~np.isnan(score)
        rows = {name: _unit(some[name][known].tolist(), score[known], name, space) for name in some}
        varied = {name: x for name, x in rows.items() if len(np.unique(x)) > 1}
        problem = _problem(score, varied, metric, where)
        if problem:
            problems.append(problem)
            shares = {name: (np.nan, np.nan) for name in rows}
        else:
            constant = {name: (0.0, 0.0) for name in rows if name not in varied}
            shares = constant | _shares(optuna, varied, score[known])
        order = sorted(shares, key=lambda name: (-shares[name][0], name))
        counts = int(known.sum()), int(diverged.sum())
        part = pd.DataFrame([(x, *shares[x], *counts) for x in order], columns=list(COLUMNS))
        if env:
            part.insert(0, "env", env)
        parts.append(part)
    if len(problems) == len(parts):
        raise ReportError(problems[0])
    return pd.concat(parts, ignore_index=True)


def render(table: pd.DataFrame, fmt: str) -> str:
    """The table of `importance` as text: `md` rounds to two decimals, `csv` keeps every digit.

    Raises ReportError for another `fmt`.
    """
    if fmt == "csv":
        return table.to_csv(index=False, lineterminator="\n")
    if fmt != "md":
        raise ReportError(f"no format {fmt!r} of importance; there are {', '.join(FORMATS)}")

    def text(value: Any) -> str:
        if isinstance(value, float):
            return "-" if np.isnan(value) else f"{value:.2f}"
        return tables.escape_markdown(str(value))

    header = [str(name) for name in table]
    rows = [[text(value) for value in row] for row in table.itertuples(index=False)]
    return tables.pipes(header, rows, [name not in ("env", "hyperparameter") for name in header])


def explanation(table: pd.DataFrame, metric: str) -> str:
    """What the numbers of `importance` mean, in a few lines."""
    lines = [
        f"importance: share of the variance of the final {metric} (IQM) that the hyper-parameter",
        "explains by itself (functional ANOVA); what is missing to 1 is interactions and noise.",
    ]
    if max(table["diverged"].tolist()) > 0:
        lines.append("Configurations that diverged count with the worst finite score.")
    return "\n".join(lines)


def _load() -> Any:
    """The package optuna, once the packages it needs are known to be there."""
    for requirement in map(Requirement, REQUIREMENTS):
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError as error:
            raise ReportError(
                f"importance needs {requirement.name}, which is not installed; {COMMAND}"
            ) from error
        if not requirement.specifier.contains(found, prereleases=True):
            raise ReportError(
                f"importance works with {requirement}, but {found} is installed; {COMMAND}"
            )
    try:
        return importlib.import_module("optuna")
    except ImportError as error:
        raise ReportError(
            f"optuna is installed but cannot be imported ({error}); {COMMAND}"
        ) from error


def _scores(ranked: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """What each config counts with, `[n]`, NaN for none yet; and which of them diverged."""
    ranked = ranked.sort_values("config")
    score = ranked["IQM"].to_numpy(np.float64)
    lost = (ranked["diverged"].to_numpy() > 0) | np.isinf(score)
    finite = score[np.isfinite(score)]
    return np.where(lost, finite.min() if finite.size else np.nan, score), lost


def _problem(score: np.ndarray, varied: Mapping[str, Any], metric: str, where: str) -> str:
    """Why there is nothing to analyse, and what to do; empty if there is."""
    known = score[~np.isnan(score)]
    if len(known) < LEAST:
        return (
            f"importance{where} rests on at least {LEAST} configurations with a final {metric}, "
            f"but {len(known)} of {len(score)} have one; wait for more runs, or sweep more"
        )
    if not varied:
        return (
            f"importance{where}: no hyper-parameter takes two values among the {len(known)} "
            f"configurations with a final {metric}; sweep one in [space]"
        )
    if np.ptp(known) == 0.0:
        return (
            f"importance{where}: all {len(known)} configurations have the same final {metric}, "
            f"{known[0]:g}, so there is nothing to explain; choose another metric"
        )
    return ""


def _unit(
    values: list[Any], score: np.ndarray, name: str, space: Mapping[str, Search] | None
) -> np.ndarray:
    """Where the values lie in [0, 1], `[n]`, such that the axis was swept evenly over it."""
    lacking = np.array([isinstance(v, float) and np.isnan(v) for v in values], bool)
    present = [v for v, gone in zip(values, lacking, strict=True) if not gone]
    if not present:
        return np.zeros(len(values))
    search = (space or {}).get(name)
    if tables.is_numeric(present) and not any(v is None for v in present):
        found = _of_numbers(np.asarray(present, np.float64), search)
    else:
        found = _of_kinds(list(map(repr, present)), score[~lacking])
    unit = np.empty(len(values))
    unit[~lacking] = found
    others = np.random.default_rng(SEED).permutation(found)
    unit[lacking] = np.resize(others, int(lacking.sum()))
    return unit


def _of_numbers(x: np.ndarray, search: Search | None) -> np.ndarray:
    levels, place = np.unique(x, return_inverse=True)
    if isinstance(search, Choice) or (search is None and 3 * len(levels) <= len(x)):
        return (place + 0.5) / len(levels)
    ends = np.array([x.min(), x.max()] if search is None else [search.low, search.high])
    if isinstance(search, LogUniform) or (search is None and is_log(x)):
        x, ends = np.log(x), np.log(ends)
    low, high = min(x.min(), ends[0]), max(x.max(), ends[1])  # training may lead out of the range
    return np.clip((x - low) / ((high - low) or 1.0), 0.0, 1.0)


def _of_kinds(kinds: list[str], score: np.ndarray) -> np.ndarray:
    found, place = np.unique(kinds, return_inverse=True)
    means = np.bincount(place, score) / np.bincount(place)
    level = np.argsort(np.argsort(means, kind="stable"))
    return (level[place] + 0.5) / len(found)


def _shares(
    optuna: Any, cube: Mapping[str, np.ndarray], score: np.ndarray
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation over trees of each main effect's share of the variance."""
    with _quiet(optuna):
        study = optuna.create_study()
        axes = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in cube}
        points = (dict(zip(cube, row, strict=True)) for row in zip(*cube.values(), strict=True))
        study.add_trials(
            optuna.trial.create_trial(params=point, distributions=axes, value=value)
            for point, value in zip(points, score.tolist(), strict=True)
        )
        found = []
        for seed in range(SEED, SEED + TREES):
            tree = optuna.importance.FanovaImportanceEvaluator(
                n_trees=1, max_depth=DEPTH, seed=seed
            )
            with contextlib.suppress(RuntimeError):  # a bootstrap sample of equal scores
                found.append(tree.evaluate(study))
    return {
        name: (float(np.mean(shares)), float(np.std(shares)))
        for name in cube
        for shares in [[float(tree[name]) for tree in found]]
    }


@contextlib.contextmanager
def _quiet(optuna: Any) -> Iterator[None]:
    """Optuna says on standard error that it made a study, unless it is told not to."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
