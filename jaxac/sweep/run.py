"""Run a sweep durably: plan, run directory, engine, results."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jaxac import modules
from jaxac.errors import SweepError
from jaxac.store import files, rundir
from jaxac.store.rundir import Retention, RunDirectory
from jaxac.sweep import cache, costs, device, held, sizes
from jaxac.sweep import progress as display
from jaxac.sweep.drive import drive
from jaxac.sweep.engines.auto import Auto
from jaxac.sweep.engines.inline import Inline
from jaxac.sweep.engines.role import Engine
from jaxac.sweep.engines.workers import Workers
from jaxac.sweep.mend import mend
from jaxac.sweep.plan import Plan, make_plan
from jaxac.sweep.spec import Sweep, names, own_modules

if TYPE_CHECKING:
    from jaxac.report.results import Results


def run(
    sweep: Sweep,
    out: str | Path | None = None,
    progress: display.Reporter | None = None,
    workers: int | None = None,
    retention: Retention | None = None,
) -> "Results":
    """Run a sweep to its end and return its results.

    `out` is the run directory, `runs/<name>-<time>` by default. If it holds this very sweep
    already, the sweep goes on where it stopped. `workers` are processes, each on a core of its own;
    with 0 it runs in this process, by default it changes over to workers if that saves time. The
    results are the same. `retention` says which states are kept. Raises a `JaxacError` for anything
    wrong with the sweep, or if `out` holds something else.
    """
    cache.enable()
    plan = make_plan(sweep)
    path = Path(out) if out is not None else default_directory(sweep)
    if rundir.is_run_directory(path):
        modules.load(own_modules(sweep.to_json()))
        return _resumed(path, progress, workers, retention, sweep=sweep)
    if not device.is_cpu():
        plan = costs.fitted(plan)
    directory = RunDirectory.create(path, held.manifest(plan), held.rows(plan))
    return _finish(plan, directory, progress or display.default(), workers, retention)


def resume(
    path: str | Path,
    progress: display.Reporter | None = None,
    workers: int | None = None,
    retention: Retention | None = None,
    anyway: bool = False,
) -> "Results":
    """Go on with the sweep in a run directory; returns at once if it is complete.

    What is damaged is trained again. Raises `StoreError` if the directory is none, is in use, or
    was begun where other numbers would come out; other versions and devices are allowed `anyway`.
    """
    cache.enable()
    return _resumed(Path(path), progress, workers, retention, anyway)


def _resumed(
    path: Path,
    progress: display.Reporter | None,
    workers: int | None,
    retention: Retention | None,
    anyway: bool = False,
    sweep: Sweep | None = None,
) -> "Results":
    """Go on with what is in a directory, which must be `sweep` if that is given."""
    progress = progress or display.default()
    directory = RunDirectory.open(path, writing=True)
    try:
        if sweep is not None:
            _check_same(directory, sweep)
        with files.understood(path):
            differences, plan = held.check(directory, anyway), held.first_plan(directory)
        for difference in differences:
            progress.noted(f"not as it was when the sweep began: {difference}")
    except BaseException:
        directory.close()
        raise
    return _finish(plan, directory, progress, workers, retention)


def _check_same(directory: RunDirectory, sweep: Sweep) -> None:
    manifest = directory.manifest
    if manifest.get("hash") != sweep.hash:
        words = manifest.get("sweep", {})
        what = " on ".join(names(words.get(k)) for k in ("algorithm", "env"))
        raise SweepError(
            f"{directory.path} holds another sweep ({what}, {manifest.get('hash')}); choose "
            "another --out, or delete it"
        )


def _finish(
    plan: Plan,
    directory: RunDirectory,
    progress: display.Reporter,
    workers: int | None,
    retention: Retention | None,
) -> "Results":
    try:
        if retention is not None:
            directory.retain(retention)
        with files.understood(directory.path):
            mend(directory, progress)
        words = sizes.checkpoints(plan, directory.retention)
        progress.planned(plan, f"{directory.path} ({words})")
        for text in sizes.warnings(plan, directory.retention, directory.path):
            progress.noted(text)
        try:
            drive(plan, directory, _engine(plan, directory, progress, workers), progress)
        finally:
            progress.ended()
        directory.keep_copy(now=True)
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


def default_directory(sweep: Sweep) -> Path:
    """`runs/<name>-<time>`, a name that is not taken yet."""
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    name = sweep.name or f"{names(sweep.algorithm)}-{names(sweep.env)}"
    stem = files.file_name(name)
    path, again = Path("runs") / f"{stem}-{stamp}", 2
    while path.exists():
        path, again = Path("runs") / f"{stem}-{stamp}-{again}", again + 1
    return path
