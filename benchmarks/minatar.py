"""PPO with a convolutional network on Breakout-MinAtar, by the command that users type.

    python -m benchmarks.minatar
    python -m benchmarks.minatar --total-steps 20000    # a quick look, not a result
    python -m benchmarks.minatar --peer                 # and Rejax's PPO after it

Trains with the settings that ship for the environment, on seeds 0 to 4, which no tuning has seen,
and writes benchmarks/results/minatar.json and .md. Exits with 1 if the promise is not kept, which
is of the full length. The peer is `pip install --no-deps rejax==0.1.3`.
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
    parser.add_argument("--peer", action="store_true")
    asked = parser.parse_args()
    steps = asked.total_steps
    found = measure(steps)
    kept = bool(np.mean(found["returns"]) >= LEAST_MEAN)
    rows = [{**summary(found), "promised_mean": LEAST_MEAN, "kept": kept}]
    print(f"ppo {ENV} {steps:,}: {rows[0]}", flush=True)
    if asked.peer:
        from benchmarks.on_policy import peer

        theirs = {"algorithm": "ppo of rejax", "env": ENV, "seeds": list(range(SEEDS))}
        rows.append(summary({**theirs, **peer.measure(ENV, steps, SEEDS, EPISODES)}))
        print(rows[1], flush=True)
    words = ("" if steps == FULL else f" --total-steps {steps}") + " --peer" * asked.peer
    path = record.write("minatar", "python -m benchmarks.minatar" + words, rows)
    path.with_suffix(".md").write_text(table(rows))
    print(path)
    return 0 if kept or steps < FULL else 1


def summary(found: dict) -> dict:
    """What was found, and what is told of its returns."""
    returns = np.array(found["returns"], np.float64)
    low, high = stats.bootstrap_interval(returns)
    return {
        **found,
        "mean": round(float(returns.mean()), 1),
        "iqm": round(float(stats.iqm(returns)), 1),
        "interval_95": [round(low, 1), round(high, 1)],
        "worst_seed": round(float(returns.min()), 1),
        "steps_per_s": round(found["env_steps"] / found["run_s"]),
    }


def table(rows: list[dict]) -> str:
    """The results as a Markdown table."""
    lines = [
        "<!-- written by `python -m benchmarks.minatar` -->",
        "| algorithm | environment | env steps a seed | seeds | mean | IQM | 95% interval | "
        "worst seed | env steps/s | promised | kept |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: | --- | --- |",
    ]
    for row in rows:
        low, high = row["interval_95"]
        steps, ours = row["env_steps"] // len(row["seeds"]), "kept" in row
        promised = f"mean >= {row['promised_mean']:g}" if ours else ""
        kept = ("yes" if row["kept"] else "no") if ours else ""
        lines.append(
            f"| {row['algorithm']} | {row['env']} | {steps:,} | {len(row['seeds'])} | "
            f"{row['mean']} | {row['iqm']} | {low} to {high} | {row['worst_seed']} | "
            f"{row['steps_per_s']:,} | {promised} | {kept} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
