"""Configurations proposed by Optuna from the results of earlier ones."""

import importlib
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxac.config import numbers, to_json
from jaxac.core import Static, field, frozen
from jaxac.errors import SweepError
from jaxac.fields import Choice, LogUniform, Search
from jaxac.sweep import space as spaces
from jaxac.sweep.schedulers.role import Leg

if TYPE_CHECKING:
    from jaxac.sweep.configs import TaskSpace
    from jaxac.sweep.facts import Facts


@runtime_checkable
class Proposals(Protocol):
    """Makes one of Optuna's samplers."""

    def sampler(self, seed: int) -> Any:
        """An `optuna.samplers.BaseSampler` whose draws follow from `seed`."""
        ...


@frozen
class TPE:
    """Tree-structured Parzen estimator: likely values of the good over those of the bad.

    Source: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization". Points of one batch
    are kept apart by counting those that are under way as bad.
    """

    def sampler(self, seed):
        optuna = _optuna()
        with warnings.catch_warnings():  # it calls the constant liar experimental
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.TPESampler(seed=seed, n_startup_trials=0, constant_liar=True)


@frozen
class Evolution:
    """A genetic algorithm: crossover and mutation of the best.

    Source: Deb et al. 2002, NSGA-II, with one objective.
    """

    population: Static[int] = field(16, "configurations of a generation", within="[2, 10000]")

    def sampler(self, seed):
        return _optuna().samplers.NSGAIISampler(seed=seed, population_size=self.population)


@frozen
class Optuna:
    """Trains `batch` configurations at a time, each batch proposed from the results of all before.

    Source: Akiba et al. 2019, arXiv:1907.10902. The first batch comes from the sweep's own sampler.
    Each algorithm on each environment is a study of its own, asked for a whole batch at once and
    told the interquartile means when all of it is trained; a configuration with a run that diverged
    is worse than any other. A study is made anew from the results, so what is proposed depends on
    nothing else.
    """

    batch: Static[int] = field(16, "configurations proposed at a time", within="[1, 10000]")
    proposals: Proposals = field(TPE(), "what proposes them")

    def next(self, facts):
        if facts.open:
            return []
        configs = facts.plan.configs
        if not facts.legs:
            return [Leg(facts.runs_of(range(len(configs))), 1.0)]
        points: list[tuple[int, dict[str, Any]]] = []
        for task in range(len(facts.plan.tasks)):
            points += [(task, point) for point in self.ask(facts, task)]
        if not points:
            return []
        fresh = range(len(configs), len(configs) + len(points))
        return [Leg(facts.runs_of(fresh), 1.0, points=tuple(points))]

    def ask(self, facts: "Facts", task: int) -> list[dict[str, Any]]:
        """The next points of a task's space."""
        optuna, sweep, space = _optuna(), facts.plan.sweep, facts.space(task)
        own = [i for i, config in enumerate(facts.plan.configs) if config.task == task]
        seed = sweep.sampler_seed + len(own)  # another one for each batch
        study = optuna.create_study(direction="maximize", sampler=self.proposals.sampler(seed))
        for number in own:
            params = dict(_params(space, facts.plan.configs[number].swept))
            distributions = {name: _distribution(space.axes[name]) for name in params}
            score = facts.score(number)
            study.add_trial(
                optuna.trial.create_trial(params=params, distributions=distributions, value=score)
            )
        assert isinstance(sweep.configs, int)
        count = min(self.batch, sweep.configs - len(own))
        return [_suggested(study.ask(), space) for _ in range(count)]


def _suggested(trial: Any, space: "TaskSpace") -> dict[str, Any]:
    """A trial's point: axis by axis, those that conditions name before those that have them."""
    point: dict[str, Any] = {}
    for name in _in_order(space.axes):
        if name in spaces.where_applies(space.axes, {**point, name: None}, space.known):
            point[name] = _value(trial, name, space.axes[name].search)
    return point


def _value(trial: Any, name: str, search: Search) -> Any:
    if isinstance(search, Choice):
        place = trial.suggest_categorical(name, range(len(search.values)))
        return numbers(to_json(search.values[place]))
    return trial.suggest_float(name, search.low, search.high, log=isinstance(search, LogUniform))


def _in_order(axes: spaces.Axes) -> list[str]:
    found: dict[str, None] = {}

    def visit(name: str) -> None:
        for other in axes[name].when:
            if other in axes:
                visit(other)
        found.setdefault(name)

    for name in axes:
        visit(name)
    return list(found)


def _params(space: "TaskSpace", swept: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a configuration has on each axis, as Optuna knows it: a choice by its place."""
    for name, axis in space.axes.items():
        if name not in swept:  # a condition left it out
            continue
        if isinstance(axis.search, Choice):
            yield name, [to_json(x) for x in axis.search.values].index(swept[name])
        else:  # a sampler may miss the end of a range by a rounding
            yield name, min(max(float(swept[name]), axis.search.low), axis.search.high)


def _distribution(axis: spaces.Axis) -> Any:
    distributions = _optuna().distributions
    if isinstance(axis.search, Choice):
        return distributions.CategoricalDistribution(range(len(axis.search.values)))
    is_log = isinstance(axis.search, LogUniform)
    return distributions.FloatDistribution(axis.search.low, axis.search.high, log=is_log)


def _optuna() -> Any:
    try:
        found = importlib.import_module("optuna")
    except ImportError as error:
        raise SweepError(
            'the scheduler Optuna needs the package optuna: python -m pip install "jaxac[optuna]"'
        ) from error
    found.logging.set_verbosity(found.logging.WARNING)
    return found
