"""`jaxac doctor`: what this installation is made of, and what it runs on."""

import argparse
import importlib.metadata
import json
import os
import platform
from typing import Any

from jaxac.cli import flags as flag_words


def add(commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "doctor",
        help="versions, devices, memory, suites and the cache of compiled programs",
        allow_abbrev=False,
    )
    command.add_argument("--json", action="store_true", help="as one line of JSON")
    command.set_defaults(run=doctor)


def doctor(options: argparse.Namespace, flags: list[str]) -> int:
    """Print what a person would be asked for who reports a problem."""
    flag_words.none_left(flags)
    found = examined()
    if options.json:
        print(json.dumps(found))
        return 0
    for name, value in found.items():
        parts = value.items() if isinstance(value, dict) else ()
        print(f"{name}: {', '.join(f'{k} {v}' for k, v in parts) or value}")
    return 0


def examined() -> dict[str, Any]:
    """Everything, by name."""
    import jax

    import jaxac
    from jaxac.envs.adapters import extras
    from jaxac.sweep import cache, device
    from jaxac.sweep.held import PACKAGES

    entries, size = cache.size()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "jaxac": jaxac.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        "devices": ", ".join(f"{d.platform} {d.device_kind}" for d in jax.devices()),
        "cores": len(device.cores()),
        "memory": f"{memory:.1f} GiB",
        "suites": {name: _installed(words) for name, words in extras.EXTRAS.items()},
        "compiled programs": f"{entries} files, {size / 2**20:.1f} MiB in {cache.folder()}",
    }


def _installed(requirements: tuple[str, ...]) -> str:
    from packaging.requirements import Requirement

    found = []
    for text in requirements:
        wanted = Requirement(text)
        try:
            version = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            return "missing"
        tried = wanted.specifier.contains(version, prereleases=True)
        found.append(version if tried else f"{version} (not tried)")
    return "/".join(found)
