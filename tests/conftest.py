"""Settings of the whole test suite.

Tests compile far more than they run, so XLA's code generator is told not to optimise: the suite
takes about half the time. Benchmarks and the quickstart run as users run them. Nor does the suite
read or fill the user's caches.
"""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

MOST_MEMORY = 2 * 2**30  # bytes of a process, above which compiled programs are let go

os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), "--xla_backend_optimization_level=0"]
).strip()
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)


class ByProgram(LoadScopeScheduling):
    """Tests that share compiled programs run in one process; see `group`."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    """The file of a test; in the conformance suite its algorithm or environment.

    So what one of them compiles is compiled once, and no process waits for long.
    """
    path, _, test = nodeid.partition("::")
    _, _, parameter = test.partition("[")
    shared = parameter.rstrip("]").partition(" ")[0] if "/conformance/" in path else ""
    return shared or path


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByProgram:
    return ByProgram(config, log)  # type: ignore[arg-type]


@pytest.fixture(scope="module", autouse=True)
def bounded_memory() -> Iterator[None]:
    """Compiled programs, tens of megabytes each, are let go after a file once they are many."""
    yield
    import jax  # reads the environment that is set above

    if psutil.Process().memory_info().rss > MOST_MEMORY:
        jax.clear_caches()
        gc.collect()
