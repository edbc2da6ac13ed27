"""Checks of the traced programs: callbacks, LAPACK, use of keys, and whether Python is pure."""

import contextlib
import gc
import random
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun

from jaxac import hlo
from jaxac.envs import loop
from jaxac.envs.check import outputs, python_state
from jaxac.envs.check.guard import Failure, attempt
from jaxac.envs.check.report import Finding
from jaxac.envs.check.tracing import Trace, Traces, trace
from jaxac.envs.check.trees import is_key, leaves

LAPACK = (
    "cholesky", "cholesky_update", "eig", "eigh", "geqp3", "geqrf", "hessenberg",
    "householder_product", "lu", "ormqr", "qr", "schur", "svd", "triangular_solve",
    "tridiagonal", "tridiagonal_solve",
)  # fmt: skip
DRAWS = ("random_bits", "random_gamma")  # what reads a key; the rest makes keys of keys
LEAKED = "Leaked trace"
CACHES = ("<FlatTree ", " jax._src.")  # in what jax says of who holds a traced value


def callbacks(t: Traces) -> Iterator[Finding]:
    """No function calls Python while it runs."""
    for traced in t.each:
        names = _primitives(traced.jaxpr.jaxpr)
        calls = sorted(n for n in names if "callback" in n or n in ("debug_print", "infeed"))
        if calls:
            yield Finding("host-callback", traced.name, f"it has {', '.join(calls)}")


def lapack(t: Traces) -> Iterator[Finding]:
    """No function solves or decomposes matrices through LAPACK."""
    for traced in t.each:
        names = _primitives(traced.jaxpr.jaxpr)
        calls = {n: k for n, k in names.items() if n in LAPACK}
        if calls:
            listed = ", ".join(f"{k} {n}" for n, k in sorted(calls.items()))
            yield Finding("lapack", traced.name, f"it has {listed}")


def lapack_together(t: Traces) -> Iterator[Finding]:
    """No two LAPACK calls of the vectorised environment could run at once on a CPU."""
    if jax.default_backend() != "cpu" or not any(lapack(t)):
        return
    key, _, action, params = t.step.args

    def rollout(key, params, actions):
        def one(envs, key):
            return loop.step(key, t.env, params, envs, actions)[0], None

        first = loop.start(key, t.env, params, 2)
        return jax.lax.scan(one, first, jax.random.split(key, 2))[0]

    def text():
        actions = jax.ShapeDtypeStruct((2, *action.shape), action.dtype)
        return jax.jit(rollout).lower(key, params, actions).compile().as_text() or ""

    found = attempt(text)
    pairs = [] if isinstance(found, Failure) else hlo.lapack_together(found)
    if pairs:
        calls = f"{len(pairs)} pairs of calls, {' and '.join(pairs[0])} first"
        yield Finding("lapack-together", "step", f"{calls}, do not wait for each other")


def _primitives(jaxpr: Jaxpr) -> dict[str, int]:
    """How often each primitive occurs, in all nested programs."""
    counts: dict[str, int] = {}
    for eqn in jaxpr.eqns:
        counts[eqn.primitive.name] = counts.get(eqn.primitive.name, 0) + 1
        for inner in _nested(eqn):
            for name, k in _primitives(inner).items():
                counts[name] = counts.get(name, 0) + k
    return counts


def _nested(eqn: JaxprEqn) -> Iterator[Jaxpr]:
    for value in eqn.params.values():
        for x in value if isinstance(value, tuple | list) else (value,):
            if isinstance(x, ClosedJaxpr):
                yield x.jaxpr
            elif isinstance(x, Jaxpr):
                yield x


def reused_keys(t: Traces) -> Iterator[Finding]:
    """No key is used twice, as far as jax can tell; keys that are chosen among are not followed."""
    for traced in t.each:
        if _chooses_keys(traced.jaxpr.jaxpr):
            continue
        with jax.debug_key_reuse(True):
            again = attempt(jax.make_jaxpr(jaxpr_as_fun(traced.jaxpr)), *traced.jaxpr.in_avals)
        if isinstance(again, Failure) and isinstance(again.error, jax.errors.KeyReuseError):
            yield Finding("key-reuse", traced.name, "it uses one key twice, so two draws are equal")


def _chooses_keys(jaxpr: Jaxpr) -> bool:
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "select_n" and is_key(eqn.outvars[0].aval):
            return True
        if any(map(_chooses_keys, _nested(eqn))):
            return True
    return False


def own_keys(t: Traces) -> Iterator[Finding]:
    """Random draws come from the key that is passed in, or from one in the state."""
    for traced in t.each:
        if any(not origin for origin in draws(traced)):
            problem = "it draws random numbers from a key that it makes itself"
            yield Finding("key-constant", traced.name, problem)


def draws(traced: Trace) -> list[frozenset[str]]:
    """For each random draw in a program, the arguments that its key depends on."""
    names = ("key", "params") if traced.name == "reset" else ("key", "state", "action", "params")
    paths = [p for n, arg in zip(names, traced.args, strict=True) for p, _ in leaves(arg, n)]
    found: list[frozenset[str]] = []
    _follow(traced.jaxpr.jaxpr, [frozenset([p]) for p in paths], found)
    return found


def _follow(jaxpr: Jaxpr, origins: list[frozenset[str]], found: list) -> list[frozenset[str]]:
    """Origins of a program's outputs, given those of its inputs; `found` gets those of draws."""
    known = dict(zip(jaxpr.invars, origins, strict=True))

    def of(x: Any) -> frozenset[str]:
        return frozenset() if isinstance(x, Literal) else known.get(x, frozenset())

    for eqn in jaxpr.eqns:
        each = [of(x) for x in eqn.invars]
        union = frozenset().union(*each)
        if eqn.primitive.name in DRAWS:
            found.append(each[0])
        outs = [union] * len(eqn.outvars)
        for inner in _nested(eqn):
            plain = eqn.primitive.name not in ("scan", "while", "cond")
            exact = plain and len(inner.invars) == len(each)
            inside = _follow(inner, each if exact else [union] * len(inner.invars), found)
            outs = inside if exact and len(inside) == len(outs) else outs
        known.update(zip(eqn.outvars, outs, strict=True))
    return [of(x) for x in jaxpr.outvars]


def purity(t: Traces) -> Iterator[Finding]:
    """A second trace with the same arguments gives the same program and leaves Python as it was."""
    for first in t.each:
        fn = getattr(t.env, first.name)
        before, drawn = python_state.snapshot(fn), _global_draws()
        again = attempt(_traced_watchfully, t, first)
        if isinstance(again, Failure) and _is_of_jax(again):
            again = attempt(trace, t.env, first.name, first.args)
        after = python_state.snapshot(fn)
        kept = [name for name, value in after.items() if value == python_state.TRACED]
        if kept or (isinstance(again, Failure) and _is_leak(again)):
            at = f" in {kept[0]}" if kept else ""
            problem = f"a traced value outlives the call: it was stored{at}"
            yield Finding("leaked-tracer", first.name, problem)
        elif isinstance(again, Failure):
            problem = f"a second call with the same arguments fails: {again}"
            yield Finding("impure", first.name, problem)
        else:
            yield from _compared(first, again, _global_draws() != drawn)
            changed = python_state.changed(before, after)
            if changed:
                yield Finding("mutates", first.name, f"it changes {', '.join(changed[:4])}")


def _compared(first: Trace, again: Trace, draws_globally: bool) -> Iterator[Finding]:
    if first.name == "step":
        yield from outputs.info(first.out, again.out)
    difference = _difference(first.jaxpr, again.jaxpr)
    if draws_globally:
        problem = "it draws from numpy's or Python's global random state"
        yield Finding("impure", first.name, problem)
    elif difference:
        problem = f"two compilations with the same arguments differ: {difference}"
        yield Finding("impure", first.name, problem)


def _traced_watchfully(t: Traces, first: Trace) -> Trace:
    gc.freeze()  # jax collects garbage after each inner trace; then it looks at new objects alone
    try:
        with jax.checking_leaks():
            return trace(t.env, first.name, first.args)
    finally:
        gc.unfreeze()


def _is_leak(failure: Failure) -> bool:
    unexpected = isinstance(failure.error, jax.errors.UnexpectedTracerError)
    return unexpected or str(failure.error).startswith(LEAKED)


def _is_of_jax(failure: Failure) -> bool:
    """Whether all traced values that outlive the call are held by caches of jax itself."""
    held = str(failure.error).split("\n\n")[1:]
    return _is_leak(failure) and all(any(x in y for x in CACHES) for y in held) and bool(held)


def _global_draws() -> tuple:
    kind, numbers, *rest = np.random.get_state()
    return kind, np.asarray(numbers).tobytes(), *rest, random.getstate()


def _difference(one: ClosedJaxpr, two: ClosedJaxpr) -> str:
    """Where two programs differ first, in words; "" if they are the same."""
    a, b = ([*_tokens(x.jaxpr), *map(_constant, x.consts)] for x in (one, two))
    for x, y in zip(a, b, strict=False):
        if x != y:
            return f"{x} in one, {y} in the other"
    return "" if len(a) == len(b) else "one has more operations"


def _tokens(jaxpr: Jaxpr) -> Iterator[str]:
    for eqn in jaxpr.eqns:
        yield f"{eqn.primitive.name} {[str(x.aval) for x in eqn.outvars]}"
        yield from (_constant(x.val) for x in eqn.invars if isinstance(x, Literal))
        for inner in _nested(eqn):
            yield from _tokens(inner)


def _constant(x: Any) -> str:
    with contextlib.suppress(TypeError, ValueError):
        values = np.asarray(x)
        if values.size == 1:
            return f"the number {values.reshape(())[()]}"
        return f"an array {list(values.shape)} that starts {values.ravel()[:3]}, {values.sum()}"
    return type(x).__name__


CHECKS = (callbacks, lapack, lapack_together, reused_keys, own_keys, purity)
