"""The command line of the benchmark; see the package's docstring."""

import json
import sys
import time

from benchmarks import record
from benchmarks.faults import campaigns, tables


def main(words: list[str]) -> int:
    """Run campaigns, and merge what they found into what was found before."""
    if words == ["tables"]:
        tables.write()
        return 0
    if not set(words) <= set(campaigns.CAMPAIGNS):
        print(sys.modules["benchmarks.faults"].__doc__)
        return 2
    failed = 0
    for name in words or campaigns.CAMPAIGNS:
        began = time.perf_counter()

        def show(done: int, of: int, name: str = name) -> None:
            print(f"\r{name}: {done}/{of}", end="", flush=True, file=sys.stderr)

        found = campaigns.run(name, show)
        found["seconds"] = round(time.perf_counter() - began)
        print(f"\r{name}: {json.dumps(found)}", flush=True)
        failed += len(found["failed"])
        before = tables.results()
        merged = {**before, name: found}
        ordered = {k: merged[k] for k in campaigns.CAMPAIGNS if k in merged}
        record.write("faults", "python -m benchmarks.faults", ordered)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
