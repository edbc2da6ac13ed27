"""The command line of the benchmark; see the package's docstring."""

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import learning, marked, record
from benchmarks.off_policy import laws, speed, tables
from benchmarks.off_policy.tasks import BOOK

COMMAND = "python -m benchmarks.off_policy"
RESULTS = record.RESULTS / "off_policy.json"
PAGE = Path(__file__).parents[2] / "docs" / "off_policy.md"
MEASURES = {"rejax": speed.against_rejax, "limit": speed.against_products, "laws": laws.measured}


def main(words: list[str]) -> int:
    """Measure, and merge into what was measured before."""
    found: dict[str, Any] = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else {}
    match words:
        case ["learning", *names]:
            for row in learning.measured(BOOK, names):
                found["learning"] = learning.merged(BOOK, found.get("learning", []), row)
                record.write("off_policy", f"{COMMAND} learning", found)
                print(json.dumps(row), flush=True)
            broken = learning.kept(BOOK, found.get("learning", []))
            print("\n".join(broken))
            return 1 if broken else 0
        case [name] if name in MEASURES:
            found[name] = MEASURES[name]()
            record.write("off_policy", f"{COMMAND} {name}", found)
            print(json.dumps(found[name], indent=1))
            return 0
        case ["tables"]:
            marked.write(PAGE, f"{COMMAND} tables", tables.shown(found))
            return 0
    print(sys.modules["benchmarks.off_policy"].__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
