"""Lane batches: who trains together, from where, and how far."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from jaxac.errors import StoreError
from jaxac.sweep.plan import Group, Plan
from jaxac.sweep.schedulers.role import Leg

MOST = 1_000_000  # chunks of a run, lanes of a batch


@dataclasses.dataclass(frozen=True)
class Batch:
    """Runs of one group that train as lanes of one program, from chunk `first` to chunk `until`.

    The last run may fill several lanes. Everything is recorded in the ledger before it begins.
    """

    id: int
    leg: int
    group: int
    width: int  # lanes
    runs: tuple[int, ...]
    first: int
    until: int
    sources: tuple[int, ...]  # whose state each run begins with; itself, mostly
    changes: tuple[Mapping[str, float], ...]  # of each run's hyper-parameters, mostly none

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Batch":
        """What `to_json` wrote. Raises `ValueError` for what no sweep would write."""
        lists = {k: tuple(data[k]) for k in ("runs", "sources", "changes")}
        found = cls(**{**data, **lists})
        if not (0 <= found.first < found.until <= MOST and len(found.runs) <= found.width <= MOST):
            raise ValueError(
                f"batch {found.id} trains to chunk {found.until} in {found.width} lanes"
            )
        return found


def chunks_of(group: Group, share: float) -> int:
    """How many chunks of a group's runs make up a share of their training, 1 at least."""
    return max(1, math.ceil(share * group.num_chunks - 1e-9))


def split(plan: Plan, leg: Leg, number: int, begun: Mapping[int, int], next_id: int) -> list[Batch]:
    """The batches of leg `number`; `begun` says how many chunks each run has.

    Runs that stand where they shall go need none. Batches are as wide as their group's; what is
    left over takes the narrowest of the halved widths that holds it, so that few programs serve.
    """
    sets: dict[tuple[int, int], list[int]] = {}
    for run in leg.runs:
        group = plan.group_of[run]
        first = begun.get(leg.sources.get(run, run), 0)
        if first < chunks_of(group, leg.share):
            sets.setdefault((group.id, first), []).append(run)
    found: list[Batch] = []
    for (group_id, first), runs in sorted(sets.items()):
        group = plan.groups[group_id]
        for start in range(0, len(runs), group.width):
            some = tuple(runs[start : start + group.width])
            found.append(
                Batch(
                    id=next_id + len(found),
                    leg=number,
                    group=group_id,
                    width=width_for(group.width, len(some), len(runs)),
                    runs=some,
                    first=first,
                    until=chunks_of(group, leg.share),
                    sources=tuple(leg.sources.get(run, run) for run in some),
                    changes=tuple(leg.changes.get(run, {}) for run in some),
                )
            )
    return found


def width_for(widest: int, runs: int, of: int) -> int:
    """The width of a batch of `runs`, the last of `of` that are split into such.

    The tail of a longer row keeps the widest, which is compiled already.
    """
    if of >= widest:
        return widest
    width = widest
    while width % 2 == 0 and width // 2 >= runs:
        width //= 2
    return width


def last_home(batches: list[Batch], run: int, until: int, leg: int) -> Batch:
    """The batch before `leg` at whose end a run had `until` chunks. Raises `StoreError`."""
    for batch in reversed(batches):
        if batch.leg < leg and run in batch.runs and batch.until == until:
            return batch
    raise StoreError(f"no batch left run {run} after chunk {until}")
