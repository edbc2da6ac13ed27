"""Run a sweep durably: plan, run directory, engine, results."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jaxac.errors import SweepError
from jaxac.store import files, rundir
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import cache, costs, device, held
from jaxac.sweep import progress as display
from jaxac.sweep.batches import Batch
from jaxac.sweep.drive import drive
from jaxac.sweep.engines.auto import Auto
from jaxac.sweep.engines.executor import last_home
from jaxac.sweep.engines.inline import Inline
from jaxac.sweep.engines.role import Engine
from jaxac.sweep.engines.workers import Workers
from jaxac.sweep.plan import Plan, make_plan
from jaxac.sweep.spec import Sweep, names

if TYPE_CHECKING:
    from jaxac.report.results import Results


def run(
    sweep: Sweep,
    out: str | Path | None = None,
    progress: display.Reporter | None = None,
    workers: int | None = None,
) -> "Results":
    """Run a sweep to its end and return its results.

    `out` is the run directory, `runs/<name>-<time>` by default. If it holds this very sweep
    already, the sweep goes on where it stopped. `workers` are processes, each on a core of its own;
    with 0 it runs in this process, by default it changes over to workers if that saves time. The
    results are the same. Raises a `JaxacError` for anything wrong with the sweep, or if `out` holds
    something else.
    """
    cache.enable()
    plan = make_plan(sweep)
    path = Path(out) if out is not None else default_directory(sweep)
    if rundir.is_run_directory(path):
        manifest = rundir.read_manifest(path)
        if manifest.get("hash") != sweep.hash:
            words = manifest.get("sweep", {})
            what = " on ".join(names(words.get(k)) for k in ("algorithm", "env"))
            raise SweepError(
                f"{path} holds another sweep ({what}, {manifest.get('hash')}); choose another "
                "--out, or delete it"
            )
        return resume(path, progress, workers)
    if not device.is_cpu():
        plan = costs.fitted(plan)
    directory = RunDirectory.create(path, held.manifest(plan), held.rows(plan))
    return _finish(plan, directory, progress, workers)


def resume(
    path: str | Path, progress: display.Reporter | None = None, workers: int | None = None
) -> "Results":
    """Go on with the sweep in a run directory; returns at once if it is complete.

    Raises `StoreError` if the directory is none, is in use, or was begun by other versions.
    """
    cache.enable()
    directory = RunDirectory.open(Path(path), writing=True)
    try:
        held.check(directory)
        plan = held.first_plan(directory)
    except BaseException:
        directory.close()
        raise
    return _finish(plan, directory, progress, workers)


def _finish(
    plan: Plan, directory: RunDirectory, progress: display.Reporter | None, workers: int | None
) -> "Results":
    progress = progress or display.default()
    try:
        mend(plan, directory, progress)
        progress.planned(plan, str(directory.path))
        try:
            drive(plan, directory, _engine(plan, directory, progress, workers), progress)
        finally:
            progress.ended()
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(str(directory.path)) from error
    finally:
        directory.close()
    from jaxac.report.results import load  # takes a second that training need not wait for

    return load(directory.path)


def _engine(
    plan: Plan, directory: RunDirectory, progress: display.Reporter, workers: int | None
) -> Engine:
    if workers:
        return Workers(plan, directory, progress, workers)
    if workers is None and device.is_cpu():
        return Auto(plan, directory, progress)
    return Inline(plan, directory, progress)


def mend(plan: Plan, directory: RunDirectory, progress: display.Reporter) -> None:
    """Forget every batch whose files are damaged, and those it began with that are gone."""
    problems = directory.damaged()
    if not problems:
        return
    batches = {k: Batch.from_json(x) for k, x in directory.ledger.batches().items()}
    latest = {run: number for number, batch in batches.items() for run in batch.runs}
    wrong, reasons = sorted(problems, reverse=True), dict(problems)
    for number in wrong:
        progress.noted(f"{problems[number]}: its runs are computed again")
    while wrong:
        number = max(wrong)
        wrong.remove(number)
        batch = batches[number]
        runs = [run for run in batch.runs if latest[run] == number]
        directory.ledger.restart(number, runs, reasons[number])
        for source in batch.sources if batch.first else ():
            home = last_home(list(batches.values()), source, batch.first, batch.leg).id
            if home not in reasons and directory.ledger.checkpoint(home) is None:
                reasons[home] = f"batch {number} begins where it ended"
                wrong.append(home)


def default_directory(sweep: Sweep) -> Path:
    """`runs/<name>-<time>`, a name that is not taken yet."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    name = sweep.name or f"{names(sweep.algorithm)}-{names(sweep.env)}"
    stem = files.file_name(name)
    path, again = Path("runs") / f"{stem}-{stamp}", 2
    while path.exists():
        path, again = Path("runs") / f"{stem}-{stamp}-{again}", again + 1
    return path
