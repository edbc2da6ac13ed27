"""How the suite is spread over processes."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from tests.conftest import group

ROOT = Path(__file__).parents[1]


def test_a_file_runs_in_one_process_and_two_files_in_two():
    files = "tests/ops/test_reward.py", "tests/ops/test_schedule.py"
    words = [sys.executable, "-m", "pytest", "-vv", "-n", "2", *files]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = defaultdict(set)
    for worker, file in re.findall(r"\[(gw\d)\] .*PASSED (\S+?)::", done.stdout):
        ran[file].add(worker)
    assert set(ran) == set(files)
    assert [len(workers) for workers in ran.values()] == [1, 1]
    assert len(set.union(*ran.values())) == 2


def test_the_conformance_suite_is_spread_by_what_it_compiles():
    contract, probes, envs = (
        f"tests/conformance/test_{x}.py" for x in ("algorithms", "probes", "envs")
    )
    assert group(f"{contract}::test_a[sac]") == group(f"{probes}::test_b[sac Box]") == "sac"
    assert group(f"{contract}::test_a[sac]") != group(f"{contract}::test_a[td3]")
    assert group(f"{envs}::test_c[brax/reacher]") == "brax/reacher"
    assert group(f"{envs}::test_of_none") == envs
    assert group("tests/heads/test_heads.py::test_d[2]") == "tests/heads/test_heads.py"
