"""What a writer mends before it goes on: the ledger from its copy, the manifest from the ledger.

`ledger.copy` is the ledger as of some seconds ago. A ledger that is damaged is put aside and begun
again from it; what was acknowledged since is computed again.
"""

import json
import os
from pathlib import Path
from typing import Any

from jaxac.errors import DamageError, StoreError
from jaxac.store import database, files
from jaxac.store.ledger import Ledger

LEDGER, COPY, MANIFEST = "ledger.sqlite", "ledger.copy", "manifest.json"
MOST = 10**9  # bytes of a manifest


def keep_copy(folder: Path, ledger: Ledger) -> None:
    """Write the copy anew. Raises `StoreError` on a full disk; the one before stays."""
    files.write(folder / COPY, ledger.image())


def open_ledger(folder: Path) -> tuple[Ledger, list[str]]:
    """The ledger of a folder, for writing, and what had to be mended.

    Raises `StoreError` if neither it nor its copy is what was written.
    """
    path = folder / LEDGER
    try:
        return Ledger.open(path), []
    except DamageError as error:
        problem = error
    found = {x: n for x in (path, folder / COPY) if (n := database.intact(x)) is not None}
    if not found:
        raise StoreError(
            f"{problem}. {COPY} does not help either: restore {folder} from a backup, or start "
            "again in another --out"
        ) from problem
    best = max(found, key=lambda x: found[x])
    if best != path:
        fresh = path.with_name(f"{path.name}.new")
        files.write(fresh, files.contents(best, MOST))  # before anything is put aside
        _put_aside(path)
        os.replace(fresh, path)
    database.set_count(path, found[best])
    how = f"its copy with {found[best]} transactions" if best != path else "what is left of it"
    return Ledger.open(path), [f"{problem}. Going on from {how}"]


def _put_aside(path: Path) -> None:
    """Keep a damaged ledger under another name; its log would not fit the copy."""
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists() or part.is_symlink():
            os.replace(part, path.with_name(f"{path.name}.damaged{suffix}"))


def checked_manifest(folder: Path, ledger: Ledger) -> dict[str, Any]:
    """The manifest, which the ledger has as well. Raises `StoreError` where they differ."""
    path = folder / MANIFEST
    text = _text(path)
    if text != ledger.manifest:
        raise DamageError(
            f"{path} is damaged: it differs from what the ledger has of it; `jaxac resume` writes "
            "it again"
        )
    return _parsed(text, path)


def mend_manifest(folder: Path, ledger: Ledger) -> list[str]:
    """Write the manifest again if it is not what the ledger has; returns what was mended."""
    try:
        checked_manifest(folder, ledger)
    except DamageError as error:
        path = folder / MANIFEST
        if not ledger.manifest:
            raise StoreError(
                f"{folder} was never begun: its creation was killed. Run the sweep again with this "
                "--out"
            ) from error
        _parsed(ledger.manifest, path)
        files.write(path, ledger.manifest.encode())
        return [str(error)]
    return []


def _text(path: Path) -> str:
    return files.contents(path, MOST).decode(errors="replace")


def _parsed(text: str, path: Path) -> dict[str, Any]:
    found = files.from_json(text, str(path))
    if not isinstance(found, dict):
        raise StoreError(f"{path} is no manifest: it holds no table")
    return found


def manifest_text(manifest: dict[str, Any]) -> str:
    """The text of a manifest."""
    return json.dumps(manifest, indent=1, sort_keys=True)
