"""What a scheduler is, and the one that stops nothing."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from jaxac.core import frozen

if TYPE_CHECKING:
    from jaxac.sweep.facts import Facts


@dataclasses.dataclass(frozen=True)
class Leg:
    """A decision: these runs train on to a share of their training.

    `sources` says whose state a run takes over before, `changes` which hyper-parameters it then
    sets. `points` are new configurations (task, point) that the plan takes up first, so that `runs`
    may name theirs.
    """

    runs: tuple[int, ...]
    share: float
    sources: Mapping[int, int] = dataclasses.field(default_factory=dict)
    changes: Mapping[int, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    points: tuple[tuple[int, dict[str, Any]], ...] = ()


@runtime_checkable
class Scheduler(Protocol):
    """Decides from acknowledged results alone, between chunks; a pure function."""

    def next(self, facts: "Facts") -> list[Leg]:
        """What to begin now. Asked as a sweep begins and whenever a batch is at its end.

        A sweep ends when nothing is under way and nothing more is asked for.
        """
        ...


@runtime_checkable
class Proposer(Scheduler, Protocol):
    """A scheduler that proposes configurations from the results of earlier ones.

    The sampler draws the first `batch` of them, the proposer the rest of `configs`.
    """

    @property
    def batch(self) -> int:
        """Configurations that are proposed at a time, for each task."""
        ...


@frozen
class Everything:
    """Every run goes to its end."""

    def next(self, facts):
        if facts.legs:
            return []
        return [Leg(facts.runs_of(range(len(facts.plan.configs))), 1.0)]
