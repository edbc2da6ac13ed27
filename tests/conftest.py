"""Settings of the whole test suite.

Tests compile far more than they run, so XLA's code generator is told not to optimise: the suite
takes about half the time. Benchmarks and the quickstart run as users run them. Nor does the suite
read or fill the user's caches.
"""

import atexit
import os
import shutil
import tempfile

os.environ["XLA_FLAGS"] = " ".join(
    [os.environ.get("XLA_FLAGS", ""), "--xla_backend_optimization_level=0"]
).strip()
os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)
