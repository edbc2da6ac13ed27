"""Asynchronous successive halving."""

import math
from typing import TYPE_CHECKING

from jaxac.core import Static, frozen
from jaxac.sweep.schedulers.halving import ETA, RUNGS, rung_shares
from jaxac.sweep.schedulers.role import Leg

if TYPE_CHECKING:
    from jaxac.sweep.facts import Facts


@frozen
class ASHA:
    """Halving that never waits: as lanes fall idle, whoever is in the best 1 / eta goes up.

    Source: Li et al. 2020, arXiv:1810.05934. What is promoted depends on what is there first, so
    with several workers two sweeps may differ; a sweep that resumes keeps what it decided.
    """

    eta: Static[float] = ETA
    rungs: Static[int] = RUNGS

    def next(self, facts):
        shares, found, room = rung_shares(self.eta, self.rungs), [], facts.idle
        seeds = len(facts.plan.sweep.seed_list)
        for arena in facts.arenas:
            for rung in range(self.rungs - 2, -1, -1):
                for config in self.promotable(facts, arena, shares[rung], shares[rung + 1]):
                    if room > 0:
                        found.append(Leg(facts.runs_of([config]), shares[rung + 1]))
                        room -= seeds
            for config in arena:
                if room > 0 and not facts.legs_of([config]):
                    found.append(Leg(facts.runs_of([config]), shares[0]))
                    room -= seeds
        return merged(found)

    def promotable(self, facts: "Facts", arena: list[int], here: float, above: float) -> list[int]:
        """Configurations at a rung that are among its best 1 / eta, and no higher yet."""
        busy = set(facts.configs_of(facts.busy))
        highest = {c: max((x.share for x in facts.legs_of([c])), default=0.0) for c in arena}
        there = [c for c in arena if highest[c] > here or (highest[c] == here and c not in busy)]
        best = facts.ranked(there, here)[: math.floor(len(there) / self.eta)]
        return [c for c in best if highest[c] < above and facts.score(c, here) > -math.inf]


def merged(legs: list[Leg]) -> list[Leg]:
    """Legs to one share as one leg, so that their runs share batches."""
    by_share: dict[float, list[int]] = {}
    for leg in legs:
        by_share.setdefault(leg.share, []).extend(leg.runs)
    return [Leg(tuple(runs), share) for share, runs in by_share.items()]
