"""Tracing `reset` and `step` once each, and finding out why one cannot be traced."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr

from jaxac.core import strong
from jaxac.envs.check import outputs
from jaxac.envs.check.guard import Failure, attempt, listening
from jaxac.envs.check.record import CALLS
from jaxac.envs.check.report import Finding
from jaxac.envs.check.trees import abstract, as_strong, is_array, is_key, leaves
from jaxac.envs.contract import Box, Env

MAX_TRIED = 64  # leaves, in the search for the one whose value is read


@dataclasses.dataclass(frozen=True)
class Trace:
    """A function as it was traced."""

    name: str
    args: tuple[Any, ...]  # abstract, as passed
    out: Any  # as returned; arrays are `jax.ShapeDtypeStruct`, anything else is itself
    jaxpr: ClosedJaxpr
    printed: str
    warned: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Traces:
    """Both functions; `env` is the one to go on with, whose params may be held fixed."""

    env: Env
    params: Any
    reset: Trace
    step: Trace

    @property
    def each(self) -> tuple[Trace, Trace]:
        """Reset and step."""
        return self.reset, self.step


def trace(env: Env, name: str, args: tuple[Any, ...]) -> Trace:
    """Trace one function anew, without any cache of jax. Raises what the function raises."""
    fn = getattr(env, name)
    fn = getattr(fn, "__wrapped__", fn) if type(fn).__name__ == "PjitFunction" else fn
    returned = []

    def arrays(*args):
        flat, tree = jax.tree.flatten(fn(*args))
        returned.append((tree, [abstract(x) if is_array(x) else x for x in flat]))
        return [x for x in flat if is_array(x)]

    with listening() as (printed, warned):
        jaxpr = jax.make_jaxpr(arrays)(*args)
    tree, flat = returned[-1]
    out = jax.tree.unflatten(tree, flat)
    messages = tuple(str(w.message) for w in warned)
    return Trace(name, args, out, jaxpr, printed.getvalue(), messages)


def action_of(env: Env) -> jax.ShapeDtypeStruct:
    """An abstract action as jaxac passes it, with its agent axis if there is one."""
    lead = () if env.num_agents is None else (env.num_agents,)
    if isinstance(env.action_space, Box):
        return jax.ShapeDtypeStruct((*lead, *env.action_space.shape), jnp.float32)
    return jax.ShapeDtypeStruct(lead, jnp.int32)


def traces(env: Env, params: Any, key: Any) -> tuple[Traces | None, list[Finding]]:
    """Both traces, or None where a finding keeps one from being made."""
    found: list[Finding] = []
    done: dict[str, Trace] = {}
    for name in CALLS:
        args = (key, params)
        if name == "step":
            args = (key, as_strong(done["reset"].out[0]), action_of(env), params)
        traced = attempt(trace, env, name, args)
        if isinstance(traced, Failure):
            finding = _why(env, name, args, traced)
            found.append(finding)
            if finding.kind != "params-traced":
                return None, found
            goes_on, more = traces(_fixed(env, params), (), key)
            return goes_on, found + more
        returned = list(outputs.RETURNED[name](env, traced.out))
        found += returned
        if any(f.severity == "error" for f in returned):
            return None, found
        done[name] = traced
    return Traces(env, params, done["reset"], done["step"]), found


def as_user_calls(t: Traces, params: Any, key: Any) -> tuple[Any, Any]:
    """What reset and step return where a loop passes their outputs on as they are.

    jaxac itself makes params and states strong first, as in `t`.
    """
    params = params if jax.tree.leaves(t.params) else t.params
    given = [abstract(x) for x in jax.tree.leaves((params, t.reset.out[0]))]
    if not any(x.weak_type for x in given):
        return t.reset.out, t.step.out
    reset = trace(t.env, "reset", (key, params))
    step = trace(t.env, "step", (key, reset.out[0], action_of(t.env), params))
    return reset.out, step.out


def _fixed(env: Env, params: Any) -> Env:
    """The environment with its params held at their values, as if they were constants."""
    params = jax.tree.map(lambda x: x if is_key(x) else np.asarray(x), params)

    def reset(key, _):
        with jax.ensure_compile_time_eval():
            return env.reset(key, params)

    def step(key, state, action, _):
        with jax.ensure_compile_time_eval():
            return env.step(key, state, action, params)

    def render(state, _):
        assert env.render is not None
        return env.render(state, params)

    return dataclasses.replace(
        env,
        reset=reset,
        step=step,
        time_limit=lambda _: env.time_limit(params),
        render=env.render and render,
        params=(),
    )


def _why(env: Env, name: str, args: tuple[Any, ...], failure: Failure) -> Finding:
    """What the failure of a function comes from."""
    fn = getattr(env, name)
    concrete = attempt(_concrete, env, name, args)
    if isinstance(concrete, Failure) or isinstance(attempt(fn, *concrete), Failure):
        raw = (jax.random.PRNGKey(0), *args[1:])
        if isinstance(attempt(trace, env, name, raw), Trace):
            return Finding("legacy-key", name, f"with a key of jax.random.key: {failure}")
        return Finding(f"{name}-fails", name, str(failure))
    read = list(_read(fn, CALLS[name], concrete))
    if read and all(path.startswith("params") for path in read):
        return Finding("params-traced", name, f"it reads the value of {', '.join(read)}: {failure}")
    of = f" of {', '.join(read)}" if read else ""
    return Finding("python-value", name, f"it reads the value{of}: {failure}")


def _concrete(env: Env, name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    if name == "reset":
        return args
    key, _, action, params = args
    state = jax.tree.map(strong, env.reset(key, params)[0])
    return key, state, jnp.zeros(action.shape, action.dtype), params


def _read(fn: Callable, names: tuple[str, ...], args: tuple[Any, ...]) -> Iterator[str]:
    """Leaves of the arguments that cannot be traced, each tried alone."""
    flat, tree = jax.tree.flatten(args)
    paths = [path for name, arg in zip(names, args, strict=True) for path, _ in leaves(arg, name)]
    for i in list(range(len(flat)))[:MAX_TRIED]:

        def of_one(x, i=i):
            with jax.ensure_compile_time_eval():
                out = fn(*jax.tree.unflatten(tree, [*flat[:i], x, *flat[i + 1 :]]))
            return [x for x in jax.tree.leaves(out) if is_array(x)]

        if isinstance(attempt(jax.make_jaxpr(of_one), flat[i]), Failure):
            yield paths[i]
