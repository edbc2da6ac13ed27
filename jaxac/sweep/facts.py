"""What is known of a sweep under way: all that a scheduler decides from."""

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from jaxac.report import stats
from jaxac.sweep.batches import Batch, chunks_of, split
from jaxac.sweep.configs import Config, TaskSpace, task_space
from jaxac.sweep.plan import Plan, extended
from jaxac.sweep.schedulers.role import Leg
from jaxac.sweep.space import Axes


@dataclasses.dataclass
class Facts:
    """Acknowledged results alone, so that a sweep that resumes decides as it would have."""

    plan: Plan
    legs: list[Leg] = dataclasses.field(default_factory=list)
    batches: dict[int, Batch] = dataclasses.field(default_factory=dict)
    open: dict[int, Batch] = dataclasses.field(default_factory=dict)
    """Batches that lack some of their chunks."""
    left: dict[int, set[int]] = dataclasses.field(default_factory=dict)
    """The chunks that they lack."""
    again: set[tuple[int, int]] = dataclasses.field(default_factory=set)
    """Chunks, by batch and number, that were acknowledged once and turned out damaged."""
    scores: dict[int, dict[int, float]] = dataclasses.field(default_factory=dict)
    """Evaluation returns by run and chunk; NaN where the run has diverged."""
    idle: int = 0  # lanes that nothing is planned for

    def decided(self, leg: Leg, batches: Sequence[Batch]) -> None:
        """Take a decision into account, and the batches that follow from it."""
        self.legs.append(leg)
        for batch in batches:
            self.batches[batch.id] = self.open[batch.id] = batch
            self.left[batch.id] = set(range(batch.first, batch.until))

    def take_up(self, leg: Leg) -> tuple[Config, ...]:
        """Add the configurations that a decision brings to the plan; returns them."""
        known = len(self.plan.configs)
        self.plan = extended(self.plan, leg.points)
        return self.plan.configs[known:]

    def add(self, batch: Batch, chunk: int, scores: Iterable[float]) -> None:
        """Take a chunk of a batch into account: the score of each run."""
        for run, score in zip(batch.runs, scores, strict=True):
            self.scores.setdefault(run, {})[chunk] = float(score)
        self.again.discard((batch.id, chunk))
        self.left[batch.id].discard(chunk)
        if not self.left[batch.id]:
            self.open.pop(batch.id, None)

    @property
    def next(self) -> list[Batch]:
        """Batches to train now: those that were damaged alone, while there are any.

        Until they are whole nothing is decided, so that each decision is made from what it would
        have been made from.
        """
        damaged = [self.open[k] for k in sorted({batch for batch, _ in self.again})]

        def waits(batch: Batch) -> bool:
            """Whether it begins where another one of these has yet to end."""
            return any(
                home.leg < batch.leg
                and home.until == batch.first
                and not set(home.runs).isdisjoint(batch.sources)
                for home in damaged
            )

        if damaged:
            return [batch for batch in damaged if not waits(batch)]
        return [self.open[k] for k in sorted(self.open)]

    def split(self, leg: Leg) -> list[Batch]:
        """The batches of a decision that is yet to be taken into account."""
        begun = {run: len(curve) for run, curve in self.scores.items()}
        return split(self.plan, leg, len(self.legs), begun, len(self.batches))

    def curve(self, run: int) -> list[float]:
        """The evaluation returns of a run, chunk by chunk."""
        return [score for _, score in sorted(self.scores.get(run, {}).items())]

    @property
    def busy(self) -> set[int]:
        """Runs that are on their way to the end of a leg."""
        return {run for batch in self.open.values() for run in batch.runs}

    def spent(self, finished: bool = False) -> list[int]:
        """Batches whose checkpoints serve nothing: all their runs are further, nobody waits.

        Also those whose runs are `finished`, if that is asked for.
        """
        of_run: dict[int, list[int]] = {}
        for number, batch in self.batches.items():
            for run in batch.runs:
                of_run.setdefault(run, []).append(number)

        def left_by(run: int, leg: int) -> int:
            return max(k for k in of_run[run] if self.batches[k].leg < leg)

        waiting = {
            left_by(source, batch.leg)
            for batch in self.open.values()
            if batch.first
            for source in batch.sources
        }
        reached = {
            run: max((k for k in numbers if k not in self.open), default=-1)
            for run, numbers in of_run.items()
        }

        def is_over(batch: Batch) -> bool:
            at_end = batch.until == self.plan.groups[batch.group].num_chunks
            further = all(reached[run] > batch.id for run in batch.runs)
            return further or (finished and at_end and batch.id not in self.open)

        return [k for k, batch in self.batches.items() if k not in waiting and is_over(batch)]

    def configs_of(self, runs: Iterable[int]) -> list[int]:
        """The configurations of runs, in order."""
        seeds = len(self.plan.sweep.seed_list)
        return sorted({run // seeds for run in runs})

    def runs_of(self, configs: Iterable[int]) -> tuple[int, ...]:
        """All runs of configurations, seeds fastest."""
        seeds = len(self.plan.sweep.seed_list)
        return tuple(config * seeds + j for config in configs for j in range(seeds))

    @property
    def arenas(self) -> list[list[int]]:
        """Configurations that compete: those on one environment."""
        by_env: dict[str, list[int]] = {}
        for number, config in enumerate(self.plan.configs):
            by_env.setdefault(self.plan.tasks[config.task].names[1], []).append(number)
        return list(by_env.values())

    def space(self, task: int) -> TaskSpace:
        """The space of a task of the plan."""
        return task_space(self.plan.sweep, task)

    def axes(self, run: int) -> Axes:
        """The axes of the space that a run is drawn from."""
        return self.space(self.plan.configs[self.plan.run(run).config].task).axes

    def swept(self, run: int) -> dict:
        """The swept values that a run began with."""
        return self.plan.configs[self.plan.run(run).config].swept

    def legs_of(self, configs: Iterable[int]) -> list[Leg]:
        """The legs that any of these configurations ran in."""
        runs = set(self.runs_of(configs))
        return [leg for leg in self.legs if runs & set(leg.runs)]

    def score(self, config: int, share: float = 1.0) -> float:
        """Interquartile mean over seeds of the returns at a share of the training, or before it.

        A configuration with a run that diverged scores minus infinity.
        """
        values = []
        for run in self.runs_of([config]):
            until = chunks_of(self.plan.group_of[run], share)
            curve = self.curve(run)[:until]
            values.append(curve[-1] if curve else np.nan)
        return float(stats.iqm(np.asarray(values))) if np.isfinite(values).all() else -np.inf

    def ranked(self, configs: Iterable[int], share: float = 1.0) -> list[int]:
        """Best first; ties in order of number."""
        return sorted(configs, key=lambda config: (-self.score(config, share), config))

    def values(self) -> dict[int, dict[str, float]]:
        """The hyper-parameters that legs have set so far, by run."""
        now: dict[int, dict[str, float]] = {}
        for leg in self.legs:
            before = dict(now)
            for run in leg.runs:
                taken = before.get(leg.sources.get(run, run), {})
                now[run] = {**taken, **leg.changes.get(run, {})}
        return now
