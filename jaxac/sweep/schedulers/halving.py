"""Successive halving, and brackets of it."""

import math
from typing import TYPE_CHECKING

from jaxac.core import Static, field, frozen
from jaxac.sweep.schedulers.role import Leg

if TYPE_CHECKING:
    from jaxac.sweep.facts import Facts

ETA = field(3.0, "of the configurations of a rung, one in so many goes on", within="(1, inf)")
RUNGS = field(4, "rungs; the lowest is eta^(1 - rungs) of the training", within="[2, 20]")


@frozen
class Halving:
    """Train all a little, keep the best 1 / eta, train them eta times as long, and so on.

    Source: Jamieson & Talwalkar 2016, arXiv:1502.07943. A configuration is judged by the
    interquartile mean over its seeds, among those on the same environment.
    """

    eta: Static[float] = ETA
    rungs: Static[int] = RUNGS

    def next(self, facts):
        shares = rung_shares(self.eta, self.rungs)
        return [leg for arena in facts.arenas for leg in climb(facts, arena, shares, self.eta)]


@frozen
class Hyperband:
    """Several halvings side by side, from many short runs to few long ones.

    Source: Li et al. 2018, arXiv:1603.06560. The configurations are dealt out to `rungs` brackets,
    in numbers that give each bracket about the same training; bracket s begins at rung s.
    """

    eta: Static[float] = ETA
    rungs: Static[int] = RUNGS

    def next(self, facts):
        shares = rung_shares(self.eta, self.rungs)
        found = []
        for arena in facts.arenas:
            for s, bracket in enumerate(self.brackets(arena)):
                found += climb(facts, bracket, shares[s:], self.eta)
        return found

    def brackets(self, configs: list[int]) -> list[list[int]]:
        """The configurations of each bracket, that of the shortest runs first."""
        levels = range(self.rungs)
        wanted = [self.eta ** (self.rungs - 1 - s) * self.rungs / (self.rungs - s) for s in levels]
        ends = [round(sum(wanted[: s + 1]) / sum(wanted) * len(configs)) for s in levels]
        return [configs[a:b] for a, b in zip([0, *ends], ends, strict=False)]


def rung_shares(eta: float, rungs: int) -> list[float]:
    """The share of the training at which each rung ends."""
    return [eta ** (k + 1 - rungs) for k in range(rungs)]


def climb(facts: "Facts", configs: list[int], shares: list[float], eta: float) -> list[Leg]:
    """The next rung of a bracket, once all of the last one are there."""
    legs = facts.legs_of(configs)
    if not configs or len(legs) == len(shares) or facts.busy & set(facts.runs_of(configs)):
        return []
    if legs:
        alive = facts.configs_of(legs[-1].runs)
        configs = facts.ranked(alive, legs[-1].share)[: max(1, math.floor(len(alive) / eta))]
    return [Leg(facts.runs_of(sorted(configs)), shares[len(legs)])]
