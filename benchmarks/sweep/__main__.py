"""The command line of the benchmark; see the package's docstring."""

import json
import sys

from benchmarks import record
from benchmarks.sweep import measures, tables


def main(words: list[str]) -> int:
    """Measure, and merge into what was measured before."""
    if words == ["tables"]:
        tables.write()
        return 0
    if len(words) != 1 or words[0] not in measures.ALL:
        print(sys.modules["benchmarks.sweep"].__doc__)
        return 2
    (name,) = words
    before = json.loads(tables.RESULTS.read_text())["results"] if tables.RESULTS.exists() else {}
    before[name] = measures.ALL[name]()
    print(json.dumps(before[name], indent=1))
    ordered = {x: before[x] for x in measures.ALL if x in before}
    record.write("sweep", f"python -m benchmarks.sweep {name}", ordered)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
