"""The command line of the benchmark; see the package's docstring."""

import json
import sys
from pathlib import Path

from benchmarks import learning, marked, record
from benchmarks.on_policy import promises
from benchmarks.on_policy.tasks import BOOK

COMMAND = "python -m benchmarks.on_policy"
RESULTS = record.RESULTS / "on_policy_learning.json"
PAGE = Path(__file__).parents[2] / "docs" / "on_policy.md"


def main(words: list[str]) -> int:
    """Measure, and merge into what was measured before."""
    found = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    match words:
        case []:
            return promises.main()
        case ["learning", *names]:
            for row in learning.measured(BOOK, names):
                found = learning.merged(BOOK, found, row)
                record.write(RESULTS.stem, f"{COMMAND} learning", found)
                print(json.dumps(row), flush=True)
            broken = learning.kept(BOOK, found)
            print("\n".join(broken))
            return 1 if broken else 0
        case ["tables"]:
            marked.write(PAGE, f"{COMMAND} tables", learning.table(BOOK, found))
            return 0
    print(sys.modules["benchmarks.on_policy"].__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
