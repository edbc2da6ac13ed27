"""How much a sweep will write, before it begins."""

import shutil
from pathlib import Path

from jaxac.store.rundir import Retention
from jaxac.sweep import device
from jaxac.sweep.plan import Plan
from jaxac.sweep.progress import si


def states(plan: Plan, retention: Retention) -> tuple[int, int]:
    """Bytes of checkpoints at most, and when all runs are done.

    Metrics come to a few kilobytes a run.
    """
    end = sum(len(g.runs) * g.lane_bytes for g in plan.groups) * retention.finished
    widest = max(g.width * g.lane_bytes for g in plan.groups)
    return end + widest * (retention.newest + 1) * len(device.cores()), end


def checkpoints(plan: Plan, retention: Retention) -> str:
    """Their size in words."""
    most, end = states(plan, retention)
    return f"checkpoints of up to {si(most)}B, {si(end)}B at the end"


def warnings(plan: Plan, retention: Retention, path: Path) -> list[str]:
    """What a person should know if the disk may be too small."""
    most, _ = states(plan, retention)
    free = shutil.disk_usage(path).free
    if most <= free:
        return []
    return [
        f"only {si(free)}B are free on the disk: --keep 1 or --no-states keeps fewer checkpoints; "
        "a sweep that a full disk stops goes on where it was"
    ]
