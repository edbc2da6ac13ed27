"""Checks of the record itself, before any of its functions is called."""

import collections
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxac.core import strong
from jaxac.envs.check.guard import Failure, attempt
from jaxac.envs.check.report import Finding
from jaxac.envs.check.trees import brief, is_array, kind_of, leaves
from jaxac.envs.contract import Box, Discrete, Env
from jaxac.envs.resets import Resets

BUILT_IN = (dict, list, tuple, collections.OrderedDict, collections.defaultdict)
CALLS = {"reset": ("key", "params"), "step": ("key", "state", "action", "params")}


def made(env: Any) -> tuple[Env | None, list[Finding]]:
    """`env` itself, or what it returns if it is a function without arguments."""
    if isinstance(env, Env):
        return env, []
    if not callable(env):
        return None, [Finding("not-an-env", "environment", f"it is {kind_of(env)}")]
    needed = _required(env)
    if needed:
        return None, [Finding("factory-arguments", "factory", f"it needs {', '.join(needed)}")]
    found = attempt(env)
    if isinstance(found, Failure):
        return None, [Finding("factory-fails", "factory", str(found))]
    if not isinstance(found, Env):
        return None, [Finding("not-an-env", "factory", f"it returns {kind_of(found)}")]
    return found, []


def _required(fn: Callable) -> list[str]:
    signature = attempt(inspect.signature, fn)
    if isinstance(signature, Failure):
        return []
    optional = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    each = signature.parameters.values()
    return [p.name for p in each if p.default is p.empty and p.kind not in optional]


def fields(env: Env) -> Iterator[Finding]:
    """Every field holds what `Env` says."""

    def wrong(name: str, wanted: str) -> Finding:
        value = getattr(env, name)
        return Finding("field-type", name, f"it is {brief(value)}, not {wanted}")

    if not isinstance(env.name, str) or not env.name:
        yield wrong("name", "a name")
    for name in CALLS:
        if not callable(getattr(env, name)):
            yield wrong(name, "a function")
    if not callable(env.time_limit):
        yield wrong("time_limit", "a function of params, as lambda params: 100")
    space = env.observation_space
    parts = space.values() if isinstance(space, dict) else [space]
    if not all(isinstance(x, Box) for x in parts):
        yield wrong("observation_space", "a jaxac.envs.Box or a dict of them")
    if not isinstance(env.action_space, Box | Discrete):
        yield wrong("action_space", "a jaxac.envs.Box or Discrete")
    if not isinstance(env.resets, Resets):
        yield wrong("resets", "a plan of jaxac.envs.resets")
    agents = env.num_agents
    if agents is not None and (not _whole(agents) or agents < 1):
        yield wrong("num_agents", "None or a whole number of 1 or more")
    if env.render is not None and not callable(env.render):
        yield wrong("render", "None or a function")


def spaces(env: Env) -> Iterator[Finding]:
    """Boxes and counts make sense, and a dict of boxes has the names that jaxac reads."""
    for name, box in boxes(env.observation_space).items():
        yield from _box(f"observation_space{name}", box)
    if isinstance(env.action_space, Box):
        yield from _box("action_space", env.action_space)
    elif isinstance(env.action_space, Discrete):
        n = env.action_space.n
        if not _whole(n) or n < 1:
            yield Finding("discrete-n", "action_space", f"n is {n!r}")
    if isinstance(env.observation_space, dict):
        yield from _names(env, env.observation_space)


def boxes(space: Any) -> dict[str, Box]:
    """The boxes of an observation space by what follows `obs` to reach each; those alone."""
    if isinstance(space, Box):
        return {"": space}
    parts = space.items() if isinstance(space, dict) else ()
    return {f"[{name!r}]": box for name, box in parts if isinstance(box, Box)}


def _names(env: Env, space: dict[str, Box]) -> Iterator[Finding]:
    if "policy" not in space:
        yield Finding(
            "policy-missing", "observation_space", f"its keys are {sorted(map(str, space))}"
        )
    mask = space.get("action_mask")
    if not isinstance(mask, Box):
        return
    if not isinstance(env.action_space, Discrete):
        problem = f"actions are {env.action_space}, which have no mask"
    elif tuple(np.atleast_1d(mask.shape)) != (env.action_space.n,) or mask.dtype != "bool":
        problem = (
            f"it has shape {mask.shape} and dtype {mask.dtype}, and there are {env.action_space.n} "
            "actions"
        )
    else:
        return
    yield Finding("mask-space", "observation_space['action_mask']", problem)


def _box(where: str, box: Box) -> Iterator[Finding]:
    shape_fits = isinstance(box.shape, tuple) and all(_whole(n) and n >= 0 for n in box.shape)
    if not shape_fits:
        yield Finding("box-shape", where, f"its shape is {box.shape!r}")
    if isinstance(attempt(np.dtype, box.dtype), Failure):
        yield Finding("box-dtype", where, f"its dtype is {box.dtype!r}")
    if not shape_fits:
        return
    bounds = attempt(lambda: box.bounds)
    if isinstance(bounds, Failure):
        counts = [np.size(x) for x in (box.low, box.high)]
        problem = f"it has {box.size} elements, but low has {counts[0]} and high has {counts[1]}"
    elif np.isnan(bounds).any():
        problem = "a bound is NaN"
    elif (bounds[0] > bounds[1]).any():
        i = np.unravel_index(np.argmax(bounds[0] > bounds[1]), box.shape)
        at = f" at {tuple(map(int, i))}" if i else ""
        problem = f"low is above high{at}: {bounds[0][i]:g} > {bounds[1][i]:g}"
    else:
        return
    yield Finding("box-bounds", where, problem)


def params(values: Any) -> Iterator[Finding]:
    """The leaves of the params are numbers, and what is static can be hashed."""
    if inspect.isclass(values):
        name = values.__name__
        yield Finding("field-type", "params", f"it is the class {name}; pass one of it, {name}()")
        return
    yield from unhashable("params", values)
    for path, leaf in leaves(values, "params"):
        if not is_array(leaf) or isinstance(attempt(strong, leaf), Failure):
            yield Finding("params-leaf", path, f"it is {brief(leaf)}")


def unhashable(where: str, tree: Any) -> Iterator[Finding]:
    """Static parts of a pytree that cannot be hashed: jit cannot tell one from another."""
    yield from _unhashable(where, jax.tree.structure(tree))


def _unhashable(where: str, structure: Any) -> Iterator[Finding]:
    data = structure.node_data()
    if data is not None and data[0] not in BUILT_IN:
        failure = attempt(hash, data[1])
        if isinstance(failure, Failure):
            problem = f"a static field of {data[0].__name__}: {failure.error}"
            yield Finding("static-unhashable", where, problem)
    for child in structure.children():
        yield from _unhashable(where, child)


def time_limit(env: Env, values: Any) -> Iterator[Finding]:
    """The time limit is a positive number that can be had from traced params."""
    if not callable(env.time_limit) or not all(is_array(x) for x in jax.tree.leaves(values)):
        return
    where = "time_limit(params)"
    values = attempt(lambda: jax.tree.map(strong, values))
    limit = attempt(env.time_limit, values)
    if isinstance(limit, Failure):
        yield Finding("time-limit", where, str(limit))
        return
    if not is_array(limit) or np.ndim(limit) or not 1 <= float(limit) < math.inf:
        yield Finding("time-limit", where, f"it gives {brief(limit)}")
        return
    traced = attempt(jax.eval_shape, lambda x: env.time_limit(x), values)
    if isinstance(traced, Failure):
        yield Finding("time-limit", f"{where} under jit", str(traced))


def signatures(env: Env) -> Iterator[Finding]:
    """`reset` and `step` can be called with the arguments of the contract."""
    for name, arguments in CALLS.items():
        signature = attempt(inspect.signature, getattr(env, name))
        if isinstance(signature, Failure):
            continue
        if isinstance(attempt(signature.bind, *arguments), Failure):
            problem = f"it is {name}{signature}; jaxac calls {name}({', '.join(arguments)})"
            yield Finding("signature", name, problem)


def _whole(x: Any) -> bool:
    return isinstance(x, int | np.integer) and not isinstance(x, bool)
