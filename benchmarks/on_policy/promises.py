"""The numbers that the on-policy family promises, each by the very command that users type.

Trains with the settings that ship for the environment, on seeds 0 to 9, which no tuning has seen,
and writes benchmarks/results/on_policy.json and .md. Exits with 1 if a promise is not kept.
"""

import json
import subprocess
import sys
import tempfile

import numpy as np

from benchmarks import record
from jaxac.report import stats

# (algorithm, environment, steps, least mean, least of any seed)
PROMISES = (
    ("ppo", "CartPole-v1", 100_000, 475.0, 400.0),
    ("a2c", "CartPole-v1", 300_000, 400.0, None),
    ("ppo", "Pendulum-v1", 500_000, -250.0, None),
)

JAXAC = (sys.executable, "-m", "jaxac.cli.main")


def measure(algorithm: str, env: str, steps: int) -> dict:
    """Train on ten seeds; the JSON that the command prints."""
    words = ["train", algorithm, "--env", env, "--total-steps", str(steps), "--seeds", "10"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [
                *JAXAC,
                *words,
                "--json",
                "--quiet",
                "--eval-episodes",
                "100",
                "--out",
                folder + "/run",
            ],
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise SystemExit(done.stderr)
    shown = "jaxac " + " ".join([*words, "--eval-episodes", "100", "--json"])
    found = json.loads(done.stdout.splitlines()[-1])
    return {"command": shown, **{k: v for k, v in found.items() if k != "out"}}


def main() -> int:
    """Measure every promise, write the results, say which are kept."""
    rows, kept = [], True
    for algorithm, env, steps, least_mean, least_seed in PROMISES:
        found = measure(algorithm, env, steps)
        returns = np.array(found["returns"], np.float64)
        low, high = stats.bootstrap_interval(returns)
        ok = returns.mean() >= least_mean and (least_seed is None or returns.min() >= least_seed)
        kept &= bool(ok)
        summary = {
            "mean": round(float(returns.mean()), 1),
            "iqm": round(float(stats.iqm(returns)), 1),
            "interval_95": [round(low, 1), round(high, 1)],
            "worst_seed": round(float(returns.min()), 1),
            "promised_mean": least_mean,
            "promised_worst_seed": least_seed,
            "kept": bool(ok),
        }
        rows.append({**found, **summary})
        print(f"{algorithm} {env} {steps:,}: {summary}", flush=True)
    path = record.write("on_policy", "python -m benchmarks.on_policy", rows)
    path.with_suffix(".md").write_text(table(rows))
    print(path)
    return 0 if kept else 1


def table(rows: list[dict]) -> str:
    """The results as a Markdown table."""
    lines = [
        "<!-- written by `python -m benchmarks.on_policy` -->",
        "| algorithm | environment | env steps a seed | mean | IQM | 95% interval | worst seed | "
        "promised | kept |",
        "| --- | --- | ---: | ---: | ---: | --- | ---: | --- | --- |",
    ]
    for r in rows:
        least = f"mean >= {r['promised_mean']:g}"
        if r["promised_worst_seed"] is not None:
            least += f", every seed >= {r['promised_worst_seed']:g}"
        low, high = r["interval_95"]
        steps = r["env_steps"] // len(r["seeds"])
        lines.append(
            f"| {r['algorithm']} | {r['env']} | {steps:,} | {r['mean']} | {r['iqm']} | "
            f"{low} to {high} | {r['worst_seed']} | {least} | {'yes' if r['kept'] else 'no'} |"
        )
    return "\n".join(lines) + "\n"
