"""`check_env`: the stages in order, each with its list of checks."""

import sys
from collections.abc import Iterator
from typing import Any

import jax

from jaxac.core import strong
from jaxac.envs.check import behaviour, outputs, program, record, tracing
from jaxac.envs.check.guard import Failure, attempt, listening
from jaxac.envs.check.kinds import KINDS
from jaxac.envs.check.lanes import LANES
from jaxac.envs.check.report import Finding, Report
from jaxac.envs.check.tracing import Traces
from jaxac.envs.contract import Env
from jaxac.errors import ConfigError

NUM_STEPS = 256
SLOW = {"host-callback": 8, "lapack": 32}
"""Most steps that are run where one is slow: it calls Python, or its lanes go one by one."""
WORDS = {
    "record": "fields, spaces, params and time limit",
    "trace": "what reset and step take and return",
    "program": "keys, callbacks, LAPACK and side effects",
    "run": "values, bounds, ends of episodes and determinism",
}


def check_env(env: Any, params: Any = None, *, seed: int = 0, num_steps: int = NUM_STEPS) -> Report:
    """Everything that is wrong with an environment, and how to mend it.

    `env` is an `Env`, or a function without arguments that returns one; `params` stand for its own.
    It is traced a few times, and 16 lanes of it run `num_steps` steps, half of them with random
    actions and half with actions at the bounds of their space; with 0 steps nothing is compiled.
    No exception of the environment gets through: each is a finding. `report.raise_errors()` raises
    `EnvError` if there is an error.

    A run cannot show what it does not meet: an end of episodes that needs more than `num_steps`
    steps, or play that is better than random.

    Raises `ConfigError` for a negative number of steps.
    """
    if num_steps < 0:
        raise ConfigError("num_steps", f"{num_steps} is negative; 0 checks without running")
    with listening():
        made, found = record.made(env)
        if made is None:
            return Report(
                getattr(env, "__name__", type(env).__name__),
                tuple(found),
                (),
                tuple(WORDS.values()),
            )
        params = made.params if params is None else params
        return _report(made, params, jax.random.key(seed), num_steps)


def _report(env: Env, params: Any, key: Any, num_steps: int) -> Report:
    found = list(_of_record(env, params))
    done, traces = [WORDS["record"]], None

    def opens(stage: str) -> bool:
        free = not any(KINDS[f.kind].keeps_from(stage) for f in found)
        done.extend([WORDS[stage]] if free else [])
        return free

    if opens("trace"):
        traces, more = tracing.traces(env, jax.tree.map(strong, params), key)
        found += more
        found += _of_traces(env, params, key, traces) if traces else []
    if traces and opens("program"):
        found += [f for check in program.CHECKS for f in check(traces)]
    if traces and num_steps and opens("run"):
        kinds = {f.kind for f in found}
        in_turn = "lapack" in kinds and jax.default_backend() == "cpu"
        runs, more = behaviour.run(traces, key, min(num_steps, _most_steps(kinds)), in_turn)
        found += [f for f in more if not ("host-callback" in kinds and f.kind == "vmap")]
        found += [f for check in behaviour.CHECKS for f in check(runs)] if runs else []
        done[-1] += f" ({_extent(runs, in_turn)})"
    name = env.name if isinstance(env.name, str) and env.name else "environment"
    skipped = tuple(WORDS.values())[len(done) :]
    return Report(name, tuple(dict.fromkeys(found)), tuple(done), skipped)


def _of_record(env: Env, params: Any) -> Iterator[Finding]:
    yield from record.fields(env)
    yield from record.spaces(env)
    yield from record.params(params)
    yield from record.time_limit(env, params)
    yield from record.signatures(env)


def _of_traces(env: Env, params: Any, key: Any, t: Traces) -> Iterator[Finding]:
    reset, step = t.reset.out, t.step.out
    yield from outputs.state(reset, step)
    yield from outputs.observations(env, reset, step)
    yield from outputs.rewards(env, step)
    yield from outputs.flags(env, step)
    for traced in t.each:
        yield from outputs.heard(traced.name, traced.out, traced.printed, traced.warned)
    calls = attempt(tracing.as_user_calls, t, params, key)
    if not isinstance(calls, Failure):  # jaxac passes arrays; that it takes no numbers is allowed
        yield from outputs.weak(*calls)


def _most_steps(kinds: set[str]) -> int:
    return min((most for kind, most in SLOW.items() if kind in kinds), default=sys.maxsize)


def _extent(runs: behaviour.Runs | None, in_turn: bool) -> str:
    if runs is None:
        return "which did not run"
    steps = len(runs.record.reward)
    ends = f"ends of episodes: {runs.ends}" if runs.ends else "no episode ended"
    turn = ", one lane after another because of LAPACK" if in_turn else ""
    return f"{LANES} lanes of {steps} steps{turn}, {ends}"
