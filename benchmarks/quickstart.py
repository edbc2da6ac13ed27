"""How long the quickstart takes, compilation included, as a user types it.

    python -m benchmarks.quickstart [COUNT]

Writes benchmarks/results/quickstart.json.
"""

import json
import subprocess
import sys
import tempfile
import time

from benchmarks import record

JAXAC = (sys.executable, "-m", "jaxac.cli.main")


def main() -> int:
    """Run it, time it, keep what it says."""
    rounds = []
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.monotonic()
            done = subprocess.run(
                [*JAXAC, "sweep", "quickstart", "--json", "--out", folder + "/run"],
                capture_output=True,
                text=True,
                check=True,
            )
            seconds = time.monotonic() - begin
        found = json.loads(done.stdout.splitlines()[-1])
        kept = {k: found[k] for k in ("env_steps", "compile_s", "run_s", "iqm")}
        rounds.append({"wall_s": round(seconds, 1), **kept})
        print(rounds[-1], flush=True)
    print(record.write("quickstart", "python -m benchmarks.quickstart", rounds))
    return 0 if max(r["wall_s"] for r in rounds) < 120 else 1


if __name__ == "__main__":
    sys.exit(main())
