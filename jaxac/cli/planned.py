"""`--dry-run`: the plan of a sweep as a table, with what it will take on this device."""

import contextlib
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from jaxac.cli.columns import columns
from jaxac.store.rundir import Retention
from jaxac.sweep import cache, costs, device, progress, sizes
from jaxac.sweep.plan import Group, Plan

HEADER = (
    "group",
    "configs",
    "runs",
    "lanes",
    "batches",
    "chunks",
    "env steps",
    "state/lane",
    "memory/lane",
    "memory",
    "time",
    "shared",
)


def show(plan: Plan, measure: bool, quiet: bool) -> None:
    """Print a plan; `measure` what is not known of this device yet, which takes a while."""
    cache.enable()
    console = Console(stderr=True, quiet=quiet)
    found: dict[int, costs.Costs] = {}
    if measure and not device.is_cpu():
        plan = costs.fitted(plan)
    for group in plan.groups:
        if measure or costs.known(plan, group):
            with _telling(console, group, len(plan.groups), costs.known(plan, group)):
                found[group.id] = costs.costs(plan, group)
    print(text(plan, found))


@contextlib.contextmanager
def _telling(console: Console, group: Group, of: int, known: bool) -> Iterator[None]:
    words = f"measuring memory and time of group {group.id + 1}/{of}; --no-measure leaves it out"
    with contextlib.nullcontext() if known else console.status(words):
        yield


def text(plan: Plan, found: dict[int, costs.Costs]) -> str:
    """A plan as a table, with the costs of its groups where they are `found`."""
    rows: list[tuple[Any, ...]] = [HEADER]
    for g in plan.groups:
        cost = found.get(g.id)
        rows.append(
            (
                g.id,
                len({plan.run(r).config for r in g.runs}),
                len(g.runs),
                g.width,
                g.num_batches,
                g.num_chunks,
                f"{len(g.runs) * g.num_chunks * g.env_steps:,}",
                f"{progress.si(g.lane_bytes)}B",
                f"{progress.si(cost.bytes / g.width)}B" if cost else "",
                f"{progress.si(cost.bytes)}B" if cost else "",
                progress.clock(cost.whole(g)) if cost else "",
                progress.describe(g.shared),
            )
        )
    batches = sum(g.num_batches for g in plan.groups)
    total = (
        f"{plan.num_runs} runs, {plan.env_steps:,} env steps, {len(plan.groups)} programs to "
        f"compile, {batches} lane batches; hash {plan.sweep.hash}"
    )
    parts = [progress.headline(plan, "nothing: dry run"), columns(rows), total]
    parts.append(sizes.checkpoints(plan, Retention()))
    if len(found) == len(plan.groups):
        parts.append(_whole(plan, found))
    return "\n\n".join(parts)


def _whole(plan: Plan, found: dict[int, costs.Costs]) -> str:
    """What all groups take together: one batch trains at a time."""
    memory = max(cost.bytes for cost in found.values())
    seconds = sum(found[g.id].whole(g) for g in plan.groups)
    free = device.free_bytes()
    return (
        f"about {progress.clock(seconds)} in this process if every run goes to its end, "
        f"{progress.si(memory)}B of the {progress.si(free)}B that are free; measured on "
        f"{device.name()}"
    )
