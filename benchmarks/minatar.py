"""PPO with a convolutional network on Breakout-MinAtar, by the command that users type.

    python -m benchmarks.minatar
    python -m benchmarks.minatar --total-steps 20000    # a quick look, not a result

Trains with the settings that ship for the environment, on seeds 0 to 4, which no tuning has seen,
and writes benchmarks/results/minatar.json and .md. Exits with 1 if the promise is not kept, which
is of the full length.
"""

import argparse
import json
import subprocess
import sys
import tempfile

import numpy as np

from benchmarks import record
from jaxac.report import stats

ENV, SEEDS, EPISODES = "Breakout-MinAtar", 5, 100
FULL = 1_000_000  # env steps a seed, about ten minutes on two cores
LEAST_MEAN = 15.0


def measure(steps: int) -> dict:
    """Train on every seed; the JSON that the command prints, and the network that it trained."""
    words = ["train", "ppo", "--env", ENV, "--total-steps", str(steps), "--seeds", str(SEEDS)]
    words += ["--eval-episodes", str(EPISODES), "--json"]
    with tempfile.TemporaryDirectory() as folder:
        out = ["--quiet", "--out", folder + "/run"]
        command = [sys.executable, "-m", "jaxac.cli.main", *words, *out]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr)
    found = json.loads(done.stdout.splitlines()[-1])
    return {"command": "jaxac " + " ".join(words), **{k: v for k, v in found.items() if k != "out"}}


def main() -> int:
    """Measure, write the results, say whether the promise is kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.minatar")
    parser.add_argument("--total-steps", type=int, default=FULL, metavar="N")
    steps = parser.parse_args().total_steps
    found = measure(steps)
    returns = np.array(found["returns"], np.float64)
    low, high = stats.bootstrap_interval(returns)
    summary = {
        "mean": round(float(returns.mean()), 1),
        "iqm": round(float(stats.iqm(returns)), 1),
        "interval_95": [round(low, 1), round(high, 1)],
        "worst_seed": round(float(returns.min()), 1),
        "steps_per_s": round(found["env_steps"] / found["run_s"]),
        "promised_mean": LEAST_MEAN,
        "kept": bool(returns.mean() >= LEAST_MEAN),
    }
    row = {**found, **summary}
    print(f"ppo {ENV} {steps:,}: {summary}", flush=True)
    asked = "" if steps == FULL else f" --total-steps {steps}"
    path = record.write("minatar", "python -m benchmarks.minatar" + asked, [row])
    path.with_suffix(".md").write_text(table(row))
    print(path)
    return 0 if summary["kept"] or steps < FULL else 1


def table(row: dict) -> str:
    """The result as a Markdown table."""
    low, high = row["interval_95"]
    steps = row["env_steps"] // len(row["seeds"])
    return (
        "<!-- written by `python -m benchmarks.minatar` -->\n"
        "| algorithm | environment | env steps a seed | seeds | mean | IQM | 95% interval | "
        "worst seed | env steps/s | promised | kept |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | --- | --- |\n"
        f"| {row['algorithm']} | {row['env']} | {steps:,} | {len(row['seeds'])} | {row['mean']} | "
        f"{row['iqm']} | {low} to {high} | {row['worst_seed']} | {row['steps_per_s']:,} | "
        f"mean >= {row['promised_mean']:g} | {'yes' if row['kept'] else 'no'} |\n"
    )


if __name__ == "__main__":
    sys.exit(main())
