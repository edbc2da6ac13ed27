"""Sweeps in processes of their own, as a person starts them, with a clock beside them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]


def sweep(words: dict[str, Any], workers: int | None, cache: Path | None = None) -> dict[str, Any]:
    """What a fresh process needs for a sweep: seconds, programs, and the most memory (MiB) seen.

    With `cache`, compiled programs are kept there; without, in the user's place.
    """
    own = {} if cache is None else {"XDG_CACHE_HOME": str(cache)}
    with tempfile.TemporaryDirectory() as folder:
        begin = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sweep.child"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(json.dumps([words, f"{folder}/run", workers]))
        process.stdin.close()
        peak = 0
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.5)
        text = process.stdout.read()
    if process.returncode:
        raise RuntimeError(f"the sweep ended with status {process.returncode}")
    found = json.loads(text.splitlines()[-1])
    found["wall_s"] = time.monotonic() - begin
    found["peak_mib"] = peak / 2**20
    return {k: round(x, 3) if isinstance(x, float) else x for k, x in found.items()}


def resident(pid: int) -> int:
    """Bytes in memory of a process and its children."""
    try:
        own = psutil.Process(pid)
        return sum(p.memory_info().rss for p in [own, *own.children(recursive=True)])
    except psutil.NoSuchProcess:
        return 0
