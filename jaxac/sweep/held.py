"""What a run directory says of its sweep: the manifest, and the plan that follows from it."""

import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Iterable
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
from jaxac.sweep.spec import check_imported, held_sweep

PACKAGES = ("jax", "jaxlib", "flax", "optax", "gymnax", "numpy")
COMPUTING = ("jaxac", "jax", "jaxlib", "flax", "optax", "gymnax")


def plan(directory: RunDirectory) -> Plan:
    """The plan that a run directory holds, with all that was proposed since it began."""
    found = first_plan(directory)
    for leg in directory.ledger.legs():
        check_imported(leg["points"], directory.path)
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
        "settings": _settings(),
        "cpu": _cpu(),
        "revision": _revision(),
    }


def check(directory: RunDirectory, anyway: bool = False) -> list[str]:
    """What differs from when the sweep began, in words, where it may go on all the same.

    Another plan never may. Other versions of what computes, another device or other numeric
    settings may only if that is wanted `anyway`. Raises `StoreError` naming each difference.
    """
    then, now = directory.manifest, manifest(first_plan(directory))
    before, here = (x.get("versions", {}) for x in (then, now))
    other_plan = _differences(then, now, ("hash", "configs", "groups"))
    other_numbers = _differences(then, now, ("device", "settings"))
    other_numbers += _differences(before, here, COMPUTING)
    if other_plan or (other_numbers and not anyway):
        mend = "" if other_plan else ", or say --anyway if other rounding does no harm"
        raise StoreError(
            f"{directory.path} cannot be resumed exactly: {'; '.join(other_plan + other_numbers)}. "
            f"Go back to what it was begun with, start again in another --out{mend}"
        )
    others = _differences(before, here, sorted(here.keys() - set(COMPUTING)))
    found = other_numbers + others + _differences(then, now, ("revision", "cpu"))
    if found:
        directory.ledger.add_event("differs", "; ".join(found))
    return found


def _differences(then: Any, now: Any, parts: Iterable[str]) -> list[str]:
    """Parts that are not what they were; what was not recorded then cannot be compared."""
    found = [(part, then[part], now.get(part)) for part in parts if part in then]
    return [
        f"{part}: {str(before)[:80]} then, {str(here)[:80]} now"
        for part, before, here in found
        if before != here
    ]


def _settings() -> dict[str, Any]:
    """What changes the numbers that jax computes."""
    names = ("jax_enable_x64", "jax_default_matmul_precision", "jax_default_prng_impl")
    names += ("jax_threefry_partitionable", "jax_numpy_dtype_promotion")
    flags = " ".join(sorted(os.environ.get("XLA_FLAGS", "").split()))
    return {**{name: getattr(jax.config, name) for name in names}, "XLA_FLAGS": flags}


def _cpu() -> str:
    """The processor: code that is compiled for another may round differently."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor()
    found = re.search(r"model name\s*:\s*(.*)", text)
    return found[1] if found else platform.processor()


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
