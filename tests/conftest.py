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

MOST_MEMORY = 2 * 2**30  # bytes of a process, above which compiled programs are let go

os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), "--xla_backend_optimization_level=0"]
).strip()
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a file run in one process, but those of the conformance suite by algorithm.

    So what a file or an algorithm compiles is compiled once, and no process waits for long.
    """
    for item in items:
        params = getattr(item, "callspec", None)
        key = None if params is None else params.params.get("c") or params.params.get("trained")
        of_algorithm = key is not None and item.path.parent.name == "conformance"
        group = f"conformance of {key if isinstance(key, str) else key[0]}" if of_algorithm else ""
        item.add_marker(pytest.mark.xdist_group(group or item.nodeid.partition("::")[0]))


@pytest.fixture(scope="module", autouse=True)
def bounded_memory() -> Iterator[None]:
    """Compiled programs, tens of megabytes each, are let go after a file once they are many."""
    yield
    import jax  # reads the environment that is set above

    if psutil.Process().memory_info().rss > MOST_MEMORY:
        jax.clear_caches()
        gc.collect()
