"""Run a sweep durably: plan, run directory, engine, results."""

import datetime
import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import jax

import jaxac
from jaxac import config
from jaxac.errors import StoreError, SweepError
from jaxac.report.results import Results, load
from jaxac.store import rundir
from jaxac.store.ledger import RunRow
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import cache
from jaxac.sweep import progress as display
from jaxac.sweep.batches import Batch
from jaxac.sweep.drive import drive
from jaxac.sweep.engines.executor import last_home
from jaxac.sweep.engines.inline import Inline
from jaxac.sweep.engines.workers import Workers
from jaxac.sweep.plan import Plan, make_plan
from jaxac.sweep.spec import Sweep, from_words, names

PACKAGES = ("jax", "jaxlib", "flax", "optax", "gymnax", "numpy")


def run(
    sweep: Sweep,
    out: str | Path | None = None,
    progress: display.Reporter | None = None,
    workers: int = 0,
) -> Results:
    """Run a sweep to its end and return its results.

    `out` is the run directory, `runs/<name>-<time>` by default. If it holds this very sweep
    already, the sweep goes on where it stopped. `workers` are processes, each on a core of its own;
    with 0 it runs in this process. Raises a `JaxacError` for anything wrong with the
    sweep, or if `out` holds something else.
    """
    plan = make_plan(sweep)
    path = Path(out) if out is not None else default_directory(sweep)
    if rundir.is_run_directory(path):
        held = rundir.read_manifest(path)
        if held.get("hash") != sweep.hash:
            words = held.get("sweep", {})
            what = " on ".join(names(words.get(k)) for k in ("algorithm", "env"))
            raise SweepError(
                f"{path} holds another sweep ({what}, {held.get('hash')}); choose another --out, "
                "or delete it"
            )
        return resume(path, progress, workers)
    runs = map(plan.run, range(plan.num_runs))
    rows = [RunRow(r.id, r.config, r.seed, "pending") for r in runs]
    directory = RunDirectory.create(path, manifest(plan), rows)
    return _finish(plan, directory, progress, workers)


def resume(path: str | Path, progress: display.Reporter | None = None, workers: int = 0) -> Results:
    """Go on with the sweep in a run directory; returns at once if it is complete.

    Raises `StoreError` if the directory is none, is in use, or was begun by other versions.
    """
    directory = RunDirectory.open(Path(path), writing=True)
    try:
        plan = held_plan(directory)
        _check_same_plan(directory.manifest, manifest(plan), directory.path)
    except BaseException:
        directory.close()
        raise
    return _finish(plan, directory, progress, workers)


def held_plan(directory: RunDirectory) -> Plan:
    """The plan of the sweep that a run directory holds."""
    return make_plan(held_sweep(directory.manifest, directory.path))


def held_sweep(manifest: dict[str, Any], path: Path) -> Sweep:
    """The sweep that a manifest in the folder `path` describes."""
    return from_words(config.numbers(manifest["sweep"]), f"{path}/{rundir.MANIFEST}")


def file_name(text: str) -> str:
    """`text` with all but letters, digits, dots, dashes and underscores made dashes."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in text)


def _finish(
    plan: Plan, directory: RunDirectory, progress: display.Reporter | None, workers: int
) -> Results:
    progress = progress or display.default()
    cache.enable()
    try:
        mend(plan, directory, progress)
        progress.planned(plan, str(directory.path))
        try:
            engine = (
                Workers(plan, directory, progress, workers)
                if workers
                else Inline(plan, directory, progress)
            )
            drive(plan, directory, engine, progress)
        finally:
            progress.ended()
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(str(directory.path)) from error
    finally:
        directory.close()
    return load(directory.path)


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
    stem = file_name(name)
    path, again = Path("runs") / f"{stem}-{stamp}", 2
    while path.exists():
        path, again = Path("runs") / f"{stem}-{stamp}-{again}", again + 1
    return path


def manifest(plan: Plan) -> dict[str, Any]:
    """All that is needed to know what a run directory holds, and to go on with it."""
    device = jax.devices()[0]
    return {
        "schema": 2,
        "sweep": plan.sweep.to_json(),
        "hash": plan.sweep.hash,
        "tasks": [task.names for task in plan.tasks],
        "configs": [
            {"task": c.task, "swept": c.swept, "hp": config.to_json(c.hp)} for c in plan.configs
        ],
        "groups": [
            {
                "width": g.width,
                "num_chunks": g.num_chunks,
                "num_updates": g.num_updates,
                "env_steps": g.env_steps,
            }
            for g in plan.groups
        ],
        "versions": {
            "jaxac": jaxac.__version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
        },
        "device": {"platform": device.platform, "kind": device.device_kind},
        "revision": _revision(),
    }


def _check_same_plan(held: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    """Refuse to go on where the numbers would not be those of an undisturbed sweep."""
    differences = [
        f"{part}: {held.get(part)} then, {now[part]} now"
        for part in ("hash", "configs", "groups", "device")
        if held.get(part) != now[part]
    ]
    for name, version in now["versions"].items():
        before = held.get("versions", {}).get(name)
        if name in ("jaxac", "jax", "jaxlib") and before != version:
            differences.append(f"{name}: {before} then, {version} now")
    if differences:
        raise StoreError(
            f"{path} cannot be resumed exactly: {'; '.join(d[:200] for d in differences)}. "
            "Go back to what it was begun with, or start again in another --out"
        )


def _revision() -> str:
    """The git commit of the code that runs, or "" outside a checkout."""
    try:
        found = subprocess.run(
            ["git", "-C", str(Path(jaxac.__file__).parent), "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
