"""What a run directory says of its sweep: the manifest, and the plan that follows from it."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

import jax

import jaxac
from jaxac import config
from jaxac.errors import StoreError
from jaxac.store.ledger import RunRow
from jaxac.store.rundir import RunDirectory
from jaxac.sweep.configs import Config
from jaxac.sweep.plan import Plan, extended, make_plan, with_widths
from jaxac.sweep.spec import held_sweep

PACKAGES = ("jax", "jaxlib", "flax", "optax", "gymnax", "numpy")


def plan(directory: RunDirectory) -> Plan:
    """The plan that a run directory holds, with all that was proposed since it began."""
    found = first_plan(directory)
    for leg in directory.ledger.legs():
        found = extended(found, config.numbers(leg["points"]))
    return found


def first_plan(directory: RunDirectory) -> Plan:
    """The plan that a sweep began with, as wide as it was then."""
    made = make_plan(held_sweep(directory.manifest, directory.path))
    widths = [group["width"] for group in directory.manifest["groups"]]
    return with_widths(made, widths) if len(widths) == len(made.groups) else made


def rows(plan: Plan, first: int = 0) -> list[RunRow]:
    """The runs of a plan for the ledger, from a number on."""
    runs = map(plan.run, range(first, plan.num_runs))
    return [RunRow(r.id, r.config, r.seed, "pending") for r in runs]


def config_words(c: Config) -> dict[str, Any]:
    """A configuration as plain data: its task, what was swept, and all its hyper-parameters."""
    return {"task": c.task, "swept": c.swept, "hp": config.to_json(c.hp)}


def manifest(plan: Plan) -> dict[str, Any]:
    """All that is needed to know what a run directory holds, and to go on with it."""
    device = jax.devices()[0]
    return {
        "schema": 2,
        "sweep": plan.sweep.to_json(),
        "hash": plan.sweep.hash,
        "tasks": [task.names for task in plan.tasks],
        "configs": [config_words(c) for c in plan.configs],
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


def check(directory: RunDirectory) -> None:
    """Refuse to go on where the numbers would not be those of an undisturbed sweep.

    Raises `StoreError` naming each difference.
    """
    held, now = directory.manifest, manifest(first_plan(directory))
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
            f"{directory.path} cannot be resumed exactly: "
            f"{'; '.join(d[:200] for d in differences)}. "
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
