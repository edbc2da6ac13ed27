"""Settings of the whole test suite.

Tests compile far more than they run, so XLA's code generator is told not to optimise, and to use
its older emitters of loops: compiling takes about a quarter of the time. Tests that two programs
give the same numbers bit for bit are marked `usual_emitters`, and have a process of their own with
those that users have. Benchmarks and the quickstart run as users run them. Nor does the suite read
or fill the user's caches.
"""

import atexit
import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import psutil
import pytest
from xdist.scheduler import LoadScopeScheduling

MOST_MEMORY = 2 * 2**30  # bytes of a process, above which compiled programs are let go

USUAL = "JAXAC_TESTS_WITH_USUAL_EMITTERS"
quick = ["--xla_backend_optimization_level=0"]
quick += [] if USUAL in os.environ else ["--xla_cpu_use_fusion_emitters=false"]
# What is said last holds: a process that a test starts has its parent's flags before its own.
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *quick]).strip()
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


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test that is marked `usual_emitters` is what a process of its own says of it."""
    if USUAL in os.environ or not pyfuncitem.get_closest_marker("usual_emitters"):
        return None
    flags = os.environ["XLA_FLAGS"].replace("--xla_cpu_use_fusion_emitters=false", "")
    command = [sys.executable, "-m", "pytest", "-n", "0", "--no-header", pyfuncitem.nodeid]
    environ = {**os.environ, "XLA_FLAGS": flags, USUAL: "1"}
    done = subprocess.run(
        command, env=environ, cwd=pyfuncitem.config.rootpath, capture_output=True, text=True
    )
    if done.returncode or "1 passed" not in done.stdout:
        pytest.fail(done.stdout + done.stderr, pytrace=False)
    return True


@pytest.fixture(scope="module", autouse=True)
def bounded_memory() -> Iterator[None]:
    """Compiled programs, tens of megabytes each, are let go after a file once they are many."""
    yield
    import jax  # reads the environment that is set above

    if psutil.Process().memory_info().rss > MOST_MEMORY:
        jax.clear_caches()
        gc.collect()
