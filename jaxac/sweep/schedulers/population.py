"""Population-based training."""

from typing import TYPE_CHECKING

import numpy as np

from jaxac.core import Static, field, frozen
from jaxac.fields import LogUniform, Uniform
from jaxac.sweep.schedulers.role import Leg

if TYPE_CHECKING:
    from jaxac.sweep.facts import Facts


@frozen
class PBT:
    """The worst take over state and hyper-parameters of the best, and try others nearby.

    Source: Jaderberg et al. 2017, arXiv:1711.09846. The population are the configurations that
    share a program; each seed is a population of its own. After each of `generations` equal parts
    of the training, a run in the worst `quantile` copies one drawn from the best, then multiplies
    every swept number by `factor` or divides by it, within the axis. Fields that a program is
    compiled for stay as they are.
    """

    generations: Static[int] = field(10, "parts of the training", within="[2, 1000]")
    quantile: Static[float] = field(0.25, "share of it that is replaced", within="(0, 0.5]")
    factor: Static[float] = field(1.2, "a number times or by this", within="(1, inf)")

    def next(self, facts):
        done = len(facts.legs)
        if facts.open or done == self.generations:
            return []
        everyone = facts.runs_of(range(len(facts.plan.configs)))
        share = (done + 1) / self.generations
        if not done:
            return [Leg(everyone, share)]
        sources: dict[int, int] = {}
        for population in self.populations(facts):
            sources |= self.exploit(facts, population, done)
        values = facts.values()
        changes = {
            run: self.explore(facts, run, source, values.get(source, {}))
            for run, source in sources.items()
        }
        return [Leg(everyone, share, sources, changes)]

    def populations(self, facts: "Facts") -> list[list[int]]:
        """Runs of one group and one seed."""
        seeds = len(facts.plan.sweep.seed_list)
        return [
            [run for run in group.runs if run % seeds == j]
            for group in facts.plan.groups
            for j in range(seeds)
        ]

    def exploit(self, facts: "Facts", runs: list[int], done: int) -> dict[int, int]:
        """Who copies whom."""
        count = int(self.quantile * len(runs))
        last = {run: facts.curve(run)[-1] for run in runs}
        score = {run: x if np.isfinite(x) else -np.inf for run, x in last.items()}
        order = sorted(runs, key=lambda run: (-score[run], run))
        best = [run for run in order[:count] if score[run] > -np.inf]
        lost = [run for run in order if score[run] == -np.inf]
        worst = dict.fromkeys([*order[len(order) - count :], *lost]) if best else ()
        return {run: best[draws(facts, run, done).integers(len(best))] for run in worst}

    def explore(self, facts: "Facts", run: int, source: int, changed: dict) -> dict[str, float]:
        """The values that a copy tries."""
        rng = draws(facts, run, len(facts.legs), 1)
        now, found = {**facts.swept(source), **changed}, {}
        for name, axis in facts.axes(source).items():
            if isinstance(axis.search, Uniform | LogUniform) and isinstance(now.get(name), float):
                x = now[name] * (self.factor if rng.random() < 0.5 else 1.0 / self.factor)
                found[name] = float(min(max(x, axis.search.low), axis.search.high))
        return found


def draws(facts: "Facts", run: int, generation: int, what: int = 0) -> np.random.Generator:
    """Random draws of a run in a generation, whatever else is drawn."""
    return np.random.default_rng([facts.plan.sweep.sampler_seed, run, generation, what])
