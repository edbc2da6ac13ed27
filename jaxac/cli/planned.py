"""`--dry-run`: the plan of a sweep as a table, with what it will take on this device."""

import contextlib
from collections.abc import Iterator
from typing import Any

from rich.console import Console

from jaxac.cli.columns import columns
from jaxac.sweep import cache, costs, device, progress
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
    found: dict[int, tuple[costs.Memory, costs.Times]] = {}
    if not device.is_cpu() and (measure or all(costs.known(plan, g) for g in plan.groups)):
        plan = costs.fitted(plan)
    for group in plan.groups:
        if measure or costs.known(plan, group):
            with _telling(console, group, len(plan.groups), costs.known(plan, group)):
                found[group.id] = costs.memory(plan, group), costs.times(plan, group)
    print(text(plan, found))


@contextlib.contextmanager
def _telling(console: Console, group: Group, of: int, known: bool) -> Iterator[None]:
    words = f"measuring memory and time of group {group.id + 1}/{of}; --no-measure leaves it out"
    with contextlib.nullcontext() if known else console.status(words):
        yield


def text(plan: Plan, found: dict[int, tuple[costs.Memory, costs.Times]]) -> str:
    """A plan as a table, with the costs of its groups where they are `found`."""
    rows: list[tuple[Any, ...]] = [HEADER]
    for g in plan.groups:
        memory, times = found.get(g.id, (None, None))
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
                f"{progress.si(memory.per_lane)}B" if memory else "",
                f"{progress.si(memory(g.width))}B" if memory else "",
                progress.clock(times.whole(g)) if times else "",
                progress.describe(g.shared),
            )
        )
    batches = sum(g.num_batches for g in plan.groups)
    total = (
        f"{plan.num_runs} runs, {plan.env_steps:,} env steps, {len(plan.groups)} programs to "
        f"compile, {batches} lane batches; hash {plan.sweep.hash}"
    )
    parts = [progress.headline(plan, "nothing: dry run"), columns(rows), total]
    if len(found) == len(plan.groups):
        parts.append(_whole(plan, found))
    return "\n\n".join(parts)


def _whole(plan: Plan, found: dict[int, tuple[costs.Memory, costs.Times]]) -> str:
    """What all groups take together: one batch trains at a time."""
    memory = max(found[g.id][0](g.width) for g in plan.groups)
    seconds = sum(found[g.id][1].whole(g) for g in plan.groups)
    free = device.free_bytes()
    return (
        f"about {progress.clock(seconds)} in this process if every run goes to its end, "
        f"{progress.si(memory)}B of the {progress.si(free)}B that are free; measured on "
        f"{device.name()}"
    )
