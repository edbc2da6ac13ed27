"""The campaigns: what is done, how often, and what must hold."""

import collections
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.faults import small_disk
from jaxac.errors import JaxacError
from jaxac.sweep import cache
from tests.faults import damage, disk, fuzz, ground, hostile, kills

Show = Callable[[int, int], None]
SUITES = {
    "lanes": ["tests/sweep/test_isolation.py"],
    "memory": ["tests/sweep/test_memory.py"],
    "cuts": ["tests/conformance/test_algorithms.py", "-k", "five_points"],
}


def counted(cases: Iterable[Any], run: Callable[[Any], str], show: Show) -> dict[str, Any]:
    """Run every case; how often each verdict was given, and what failed."""
    listed, verdicts, failed = list(cases), collections.Counter(), []
    for i, case in enumerate(listed):
        try:
            verdicts[run(case)] += 1
        except (AssertionError, JaxacError) as error:
            failed.append(f"{case}: {error}")
        show(i + 1, len(listed))
    return {"cases": len(listed), "failed": failed, **verdicts}


def kill(show: Show) -> dict[str, Any]:
    """kill -9 at a random instant of a sweep."""
    return counted(range(200), lambda case: _stage(kills.kill(case)), show)


def workers(show: Show) -> dict[str, Any]:
    """The same with two worker processes, whose parent is killed."""
    return counted(range(20), lambda case: _stage(kills.kill(case, workers=2)), show)


def _stage(told: int) -> str:
    return "killed before the first chunk" if told == 0 else "killed later"


def flip(show: Show) -> dict[str, Any]:
    """One flipped bit in any file."""
    return counted(range(1000), damage.flip, show)


def cut(show: Show) -> dict[str, Any]:
    """Any file cut off anywhere."""
    return counted(range(200), damage.cut, show)


def tear(show: Show) -> dict[str, Any]:
    """The last writes of a killed process half done."""
    return counted(range(100), damage.tear, show)


def full(show: Show) -> dict[str, Any]:
    """A disk that is full at every place where a sweep writes."""
    cases = [(name, site) for name in ground.SWEEPS for site in range(disk.sites(name))]
    return counted(cases, lambda case: disk.fill(*case) or "told and resumed", show)


def small(show: Show) -> dict[str, Any]:
    """A real file system that is too small, then larger; where one may be mounted."""
    sizes = range(200, 700, 50)
    return counted(sizes, small_disk.fill, show)


def writers(show: Show) -> dict[str, Any]:
    """Eight writers, each killed thirty times."""
    rows = kills.kill_writers(30)
    show(240, 240)
    return {"cases": 240, "failed": [], "rows": rows}


def words(show: Show) -> dict[str, Any]:
    """Sweeps, files, flags and configurations damaged at random."""
    counts, wrong = fuzz.fuzzed(5000)
    show(5000, 5000)
    told = [f"{x.case.told}: {x.why[:300]}" for x in wrong]
    return {"cases": 5000, "failed": told, **{k: counts[k] for k in ("accepted", "rejected")}}


def prepared(show: Show) -> dict[str, Any]:
    """Run directories and sweep files that mean harm."""
    found = counted(hostile.KINDS, lambda name: hostile.refused(name) and "refused", show)
    texts = counted(hostile.TOML.values(), lambda text: hostile.toml(text) and "refused", show)
    return {k: found[k] + texts[k] for k in found}


def suite(name: str) -> Callable[[Show], dict[str, Any]]:
    """A campaign that is a part of the test suite."""

    def run(show: Show) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-n", "0", f"--junitxml={report}", *SUITES[name]],
                capture_output=True,
                text=True,
            )
            cases = report.read_text().count("<testcase")
        show(cases, cases)
        failed = [x for x in done.stdout.splitlines() if x.startswith("FAILED")]
        return {"cases": cases, "failed": failed if done.returncode == 0 else failed or ["pytest"]}

    return run


CAMPAIGNS: dict[str, Callable[[Show], dict[str, Any]]] = {
    "kill": kill,
    "workers": workers,
    "flip": flip,
    "cut": cut,
    "tear": tear,
    "full": full,
    "small": small,
    "writers": writers,
    "words": words,
    "prepared": prepared,
    **{name: suite(name) for name in SUITES},
}


def run(name: str, show: Show) -> dict[str, Any]:
    """Run one campaign."""
    cache.enable()
    with ground.compiled_once():
        return CAMPAIGNS[name](show)
