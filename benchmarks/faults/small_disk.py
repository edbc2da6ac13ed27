"""A file system of some kilobytes, mounted for a sweep that does not fit."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import jaxac
from jaxac.errors import StoreError
from jaxac.sweep.progress import Quiet
from tests.faults.ground import bases, outcome


def fill(kilobytes: int) -> str:
    """Run a sweep there until it is full; then enlarge it and resume. "" where none can be mounted.

    Raises `AssertionError` if the full disk is not told, or another table comes out.
    """
    base = bases()[0]
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder) / "disk"
        at.mkdir()
        if not _mount(at, f"size={kilobytes}k"):
            return "not tried: no right to mount"
        try:
            try:
                results = jaxac.run(base.sweep, at / "run", Quiet(), workers=0)
                verdict = "large enough"
            except StoreError as error:
                assert "the disk is full" in str(error), error
                _mount(at, "remount,size=16m")
                results = jaxac.run(base.sweep, at / "run", Quiet(), workers=0)
                verdict = "told and resumed"
            assert outcome(results) == base.final
            return verdict
        finally:
            subprocess.run(["umount", str(at)], check=True)


def _mount(at: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(at)]
    return (
        shutil.which("mount") is not None
        and not subprocess.run(command, capture_output=True).returncode
    )
