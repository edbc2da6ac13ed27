"""Start the quickstart's programs again and again, each in a process of its own: none may hang.

    python -m benchmarks.starts [COUNT]

From jaxlib 0.10.0 on, two independent batched LAPACK calls in one program can hang for ever on a
machine with few cores, with all threads idle. jaxac's programs make none; this tries it, 50 times
by default. Writes benchmarks/results/starts.json; exits with 1 if a start hung or failed.
"""

import subprocess
import sys
import tempfile
import time

from benchmarks import record

JAXAC = (sys.executable, "-m", "jaxac.cli.main")
LIMIT = 300.0  # seconds: a start takes about ten


def start() -> tuple[str, float]:
    """One start of both programs, one update each: (outcome, seconds)."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        command = ["sweep", "quickstart", "--total-steps", "2000", "--quiet"]
        try:
            done = subprocess.run(
                [*JAXAC, *command, "--out", folder + "/run"],
                capture_output=True,
                text=True,
                timeout=LIMIT,
            )
        except subprocess.TimeoutExpired:
            return "hung", time.monotonic() - begin
    return "ok" if done.returncode == 0 else done.stderr, time.monotonic() - begin


def main() -> int:
    """Count the outcomes."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    outcomes, seconds = [], []
    for i in range(count):
        outcome, took = start()
        outcomes.append(outcome)
        seconds.append(took)
        print(f"{i + 1}/{count}: {outcome}, {took:.1f} s", flush=True)
    good = outcomes.count("ok")
    results = {
        "starts": count,
        "ok": good,
        "hung": outcomes.count("hung"),
        "failed": count - good - outcomes.count("hung"),
        "seconds_median": round(sorted(seconds)[count // 2], 1),
        "seconds_max": round(max(seconds), 1),
    }
    print(record.write("starts", f"python -m benchmarks.starts {count}", results))
    return 0 if good == count else 1


if __name__ == "__main__":
    sys.exit(main())
