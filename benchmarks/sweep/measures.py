"""The measurements; each returns what goes into the results file."""

import tempfile
from pathlib import Path
from typing import Any

import jaxac
from benchmarks.sweep import tiled, timed
from jaxac.sweep import again, cache, lanes
from jaxac.sweep.plan import Plan, make_plan
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

PPO = {
    "algorithm": "ppo",
    "env": "CartPole-v1",
    "total_steps": 100_000,
    "sampler": "sobol",
    "evaluations": 10,
    "fixed": {"num_envs": 16, "num_steps": 125, "num_minibatches": 5},
    "space": {
        "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "entropy_coef": {"low": 1e-4, "high": 1e-1, "log": True},
        "credit.lam": {"low": 0.8, "high": 1.0},
    },
}
"""The space of the quickstart, with one network."""


KINDS = {
    "PPO, 16 environments": {},
    "PPO, 1 environment": {
        "total_steps": 512,
        "fixed": {"num_envs": 1, "num_steps": 128, "num_minibatches": 4},
    },
    "A2C": {"algorithm": "a2c", "fixed": {}},
}


def ways() -> dict[str, Any]:
    """Env steps per second on CartPole by how many of 16 lanes advance at a time, in turns.

    Alone, in a process that has all cores, and beside another one, each with a core of its own.
    `chosen` is what a sweep does.
    """
    cache.enable()
    found: dict[str, Any] = {}
    for name, changes in KINDS.items():
        plan = _seeds({**PPO, "total_steps": 4_000, **changes}, 16)
        rates: dict[str, Any] = {"chosen": lanes.compile_program(plan, plan.groups[0], 16).tile}
        rates["alone"] = tiled.rates(plan)
        rates["on each of 2 cores"] = tiled.on_cores(plan.sweep, (0, 1))
        found[name] = rates
    return found


def _seeds(words: dict[str, Any], count: int) -> Plan:
    words = {k: v for k, v in words.items() if k != "space"}
    return make_plan(Sweep(**{**words, "evaluations": 1, "seeds": count}))


def large() -> dict[str, Any]:
    """128 configurations x 10 seeds x 100,000 steps, as `jaxac sweep` runs them by default."""
    found = timed.sweep({**PPO, "configs": 128, "seeds": 10}, None)
    found["env_steps_per_second"] = round(found["env_steps"] / found["wall_s"])
    return found


def overhead() -> dict[str, Any]:
    """Milliseconds per run and chunk where there is next to nothing to compute, for 1,000 runs.

    All of it counts: the ledger, metrics, checkpoints, progress, and what little is computed.
    """
    words = {
        "algorithm": "benchmarks.sweep.walk:RECORD",
        "env": "probe/ConstantReward",
        "total_steps": 50,
        "evaluations": 50,
        "seeds": 1000,
    }
    found = {}
    for width in (1000, 16):
        one = timed.sweep({**words, "lanes": width}, 0)
        each = 1e3 * one["training_s"] / 50 / 1000
        found[f"{width} lanes"] = {"ms_per_run_and_chunk": round(each, 4), **one}
    return found


def many() -> dict[str, Any]:
    """10,000 runs of 1,000 steps: 1,000 configurations in two groups, 10 seeds; in one process."""
    words = {
        **PPO,
        "total_steps": 1_000,
        "evaluations": 1,
        "configs": 1000,
        "seeds": 10,
        "fixed": {"num_envs": 8, "num_steps": 125, "num_minibatches": 5},
        "space": {**PPO["space"], "net.hidden": [[32, 32], [64, 64]]},
    }
    return timed.sweep(words, 0)


def warm() -> dict[str, Any]:
    """Seconds from the start of Python until the first chunk begins, and until it is on disk."""
    words = {**PPO, "configs": 64, "total_steps": 40_000}
    found = {}
    with tempfile.TemporaryDirectory() as cache:
        for name in ("cold", "warm", "warm again"):
            one = timed.sweep(words, 0, Path(cache))
            kept = ("until_first_chunk_s", "until_first_result_s", "compile_s")
            found[name] = {k: one[k] for k in kept}
    return found


def halving() -> dict[str, Any]:
    """64 configurations searched in full and by halving; the best of each on ten fresh seeds."""
    words = {**PPO, "configs": 64, "seeds": 2, "evaluations": 20}
    ways = {"Everything": {"op": "Everything"}, "Halving": {"op": "Halving", "eta": 3, "rungs": 3}}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, scheduler in ways.items():
            sweep = Sweep(**words, scheduler=scheduler)
            results = jaxac.run(sweep, f"{folder}/{name}", Quiet())
            (report,) = again.report(results, 10, Quiet())
            best = report.table().iloc[0]
            found[name] = {
                "best": int(results.table()["config"].iloc[0]),
                "env_steps": results.env_steps,
                **{f"reported_{k}": round(float(best[k]), 2) for k in ("IQM", "low", "high")},
            }
    full, half = found["Everything"], found["Halving"]
    found["share_of_env_steps"] = round(half["env_steps"] / full["env_steps"], 3)
    found["within_interval"] = bool(
        full["reported_low"] <= half["reported_IQM"] <= full["reported_high"]
    )
    return found


ALL = {f.__name__: f for f in (ways, large, overhead, many, warm, halving)}
