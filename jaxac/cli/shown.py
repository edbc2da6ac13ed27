"""What commands print: results."""

import argparse
import json
import math
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

import jaxac
from jaxac.cli import flags as flag_words
from jaxac.cli import planned
from jaxac.envs.wrappers import words as wrapper_words
from jaxac.report import stats
from jaxac.sweep import progress
from jaxac.sweep import run as running
from jaxac.sweep.plan import make_plan
from jaxac.sweep.spec import Sweep

if TYPE_CHECKING:
    from jaxac.report.results import Results


def run(sweep: Sweep, options: argparse.Namespace, show: Callable[["Results"], None]) -> int:
    """Run a sweep with a command's options, `show` its results, and say where they are."""
    if options.dry_run:
        planned.show(make_plan(sweep), measure=not options.no_measure, quiet=options.quiet)
        return 0
    results = running.run(
        sweep, options.out, reporter(options), options.workers, flag_words.retention(options)
    )
    show(results)
    finish(results, options)
    return 0


def reporter(options: argparse.Namespace) -> progress.Reporter:
    """The progress display that the options ask for."""
    return progress.Quiet() if options.quiet else progress.default()


def ranking(results: "Results") -> None:
    """The ranked table, the pictures' paths, and three commands to go on with."""
    from jaxac.report import tables

    table = results.table()
    print(f"\n{tables.render(table, 'md', 20)}")
    if len(table) > 20:
        print(f"(the best 20 of {len(table)})\n")
    print(saved(results), end="")
    for path in results.plot():
        print(path)
    commands = next_commands(results, int(table["config"].iloc[0]))
    print("\nAnd now:")
    for command in commands if table["seeds"].iloc[0] else commands[1:]:
        print(f"  {command}")


def saved(results: "Results") -> str:
    """What stopping early saved, as a line; nothing where every run went to its end."""
    if "stopped" not in set(results.status):
        return ""
    trained, whole = (
        results.env_steps,
        len(results.status) * results.manifest["sweep"]["total_steps"],
    )
    return (
        f"trained {progress.si(trained)} env steps, {100 * trained / whole:.0f}% of the "
        f"{progress.si(whole)} that all runs would have taken to their end\n\n"
    )


def reported(results: "Results", options: argparse.Namespace) -> None:
    """The best configuration of each task again, on fresh seeds; only these are shown."""
    from jaxac.report import tables
    from jaxac.sweep import again

    ranking(results)
    found = again.report(results, options.then_report, reporter(options), options.workers)
    print(f"\nreported on {options.then_report} fresh seeds, which chose nothing:")
    for one in found:
        algorithm, env = one.manifest["tasks"][0]
        print(f"\n{algorithm} on {env}, {one.path}\n{tables.render(one.table(), 'md')}")


def seeds(results: "Results") -> None:
    """The final return of each seed, and their summary."""
    returns = final_returns(results)
    low, high = stats.bootstrap_interval(np.asarray(list(returns.values())))
    print("\nfinal evaluation return, deterministic policy:")
    for seed, value in returns.items():
        print(f"  seed {seed}: {value:.1f}")
    values = np.asarray(list(returns.values()))
    if values.size:
        interval = "" if math.isnan(low) else f"  (95% interval {low:.1f} to {high:.1f})"
        print(f"  IQM {float(stats.iqm(values)):.1f}{interval}, mean {values.mean():.1f}")
    for path in results.plot():
        print(path)
    print(f"\nAnd now:\n  jaxac video {results.path}")


def final_returns(results: "Results") -> dict[int, float]:
    """The last evaluation return of each seed of the first configuration; NaN if it diverged."""
    wide, status = results.wide, results.status.to_dict()
    columns = (wide["config"], wide["seed"], wide["eval_return"])
    last = {int(s): float(x) for c, s, x in zip(*columns, strict=True) if c == 0}
    return {s: math.nan if status[0, s] == "diverged" else x for s, x in last.items()}


def finish(results: "Results", options: argparse.Namespace) -> None:
    """The last line, if `--json` asks for one."""
    if options.json:
        print(json.dumps(summary(results), allow_nan=False))


def summary(results: "Results") -> dict[str, Any]:
    """A finished sweep as one machine-readable object."""
    sweep = results.manifest["sweep"]
    returns = list(map(_number, final_returns(results).values()))
    one = len(results.manifest["configs"]) == 1
    best = results.table().iloc[0]
    return {
        "algorithm": sweep["algorithm"],
        "env": sweep["env"],
        "seeds": sweep["seeds"],
        "configs": len(results.manifest["configs"]),
        "env_steps": results.env_steps,
        "compile_s": round(results.seconds["compile"], 3),
        "run_s": round(results.seconds["run"], 3),
        **(
            {"returns": returns}
            if one
            else {"best": int(best["config"]), "iqm": _number(best["IQM"])}
        ),
        "out": str(results.path),
        "version": jaxac.__version__,
    }


def _number(x: float) -> float | None:
    """A number as JSON has it: none for NaN and infinities."""
    return float(x) if math.isfinite(x) else None


def next_commands(results: "Results", best: int) -> list[str]:
    """Three commands that a person would want after a sweep, ready to copy."""
    sweep = results.manifest["sweep"]
    algorithm, env = results.manifest["tasks"][results.manifest["configs"][best]["task"]]
    words = [f"--env {env}"]
    words += [f"--wrap {shlex.quote(wrapper_words.call(x))}" for x in sweep.get("wrappers", ())]
    words += [f"--total-steps {sweep['total_steps']}"]
    swept = results.manifest["configs"][best]["swept"]
    changes = {
        **sweep["fixed"],
        **{k: v for k, v in swept.items() if k not in ("algorithm", "env")},
    }
    changes |= {f"env.{k}": v for k, v in sweep["env_params"].items() if f"env.{k}" not in changes}
    words += [w for name, value in changes.items() for w in _flag_words(name, value)]
    plain = "" if sweep["tuned"] else " --plain"
    fresh = max(sweep["seeds"]) + 1
    return [
        f"jaxac train {algorithm}{plain} {' '.join(words)} --seeds 10 --seed {fresh}",
        f"jaxac table {results.path} --format latex --top 5",
        f"python -c \"import jaxac; print(jaxac.load('{results.path}').frame())\"",
    ]


def _flag_words(name: str, value: Any) -> Iterator[str]:
    """A value as the flags that set it: an operator by its name, then its fields."""
    own = {}
    if isinstance(value, dict):
        own = {f"{name}.{k}": v for k, v in value.items() if k != "op"}
        value = value["op"]
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    yield f"--{name.replace('_', '-')} {shlex.quote(text)}"
    for field_name, field_value in own.items():
        yield from _flag_words(field_name, field_value)
