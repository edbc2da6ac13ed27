"""Checks of what `reset` and `step` return: order, trees, shapes and dtypes, all abstract."""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxac.envs.check.record import boxes, unhashable
from jaxac.envs.check.report import Finding
from jaxac.envs.check.trees import brief, is_array, kind_of, leaves, shown
from jaxac.envs.contract import Box, Env, TimeStep

GYM = "as in Gymnasium"
WIDE = ("float64", "int64", "uint64", "complex128")


def of_reset(env: Env, out: Any) -> Iterator[Finding]:
    """`reset` returned a state and an observation, both of arrays."""
    if not _is_pair(out):
        yield Finding("reset-return", "reset", f"it returns {_described(out)}")
        return
    state, obs = out
    space = env.observation_space
    if _fits(space, state) and not _fits(space, obs) and not is_array(obs):
        problem = "the first value it returns fits the observation space and the second does not"
        yield Finding("reset-order", "reset", problem)
        return
    yield from _arrays(state, "state", "reset", "state-leaf")
    yield from _arrays(obs, "obs", "reset", "obs-structure")


def of_step(env: Env, out: Any) -> Iterator[Finding]:
    """`step` returned a state and a `TimeStep`, both of arrays."""
    del env
    if not _is_pair(out) or not isinstance(out[1], TimeStep):
        yield Finding("step-return", "step", f"it returns {_described(out)}")
        return
    state, s = out
    yield from _arrays(state, "state", "step", "state-leaf")
    yield from _arrays(s.obs, "obs", "step", "obs-structure")
    yield from _arrays(s.reward, "reward", "step", "reward-shape")
    yield from _arrays(s.terminated, "terminated", "step", "flags")
    yield from _arrays(s.truncated, "truncated", "step", "flags")
    yield from _arrays(s.info, "info", "step", "info-leaf")


RETURNED: dict[str, Callable[[Env, Any], Iterator[Finding]]] = {"reset": of_reset, "step": of_step}


def _is_pair(out: Any) -> bool:
    return isinstance(out, tuple | list) and len(out) == 2 and not hasattr(out, "_fields")


def _described(out: Any) -> str:
    if not isinstance(out, tuple | list) or hasattr(out, "_fields"):
        return "None; is a `return` missing?" if out is None else f"{kind_of(out)}, not a pair"
    like = f", {GYM}" if len(out) in (4, 5) else ""
    types = ", ".join("array" if is_array(x) else type(x).__name__ for x in out)
    return f"{len(out)} values{like}: {types}"


def _fits(space: Any, obs: Any) -> bool:
    if isinstance(space, dict):
        return isinstance(obs, dict) and obs.keys() == space.keys()
    return is_array(obs) and tuple(obs.shape)[-len(space.shape) or len(obs.shape) :] == space.shape


def _arrays(tree: Any, name: str, after: str, kind: str) -> Iterator[Finding]:
    yield from unhashable(f"{name} after {after}", tree)
    for path, leaf in leaves(tree, name):
        if not is_array(leaf):
            yield Finding(kind, f"{path} after {after}", f"it is {brief(leaf)}")


def state(reset: Any, step: Any) -> Iterator[Finding]:
    """The state has the same tree, shapes and dtypes after reset and after step."""
    first, after = reset[0], step[0]
    if jax.tree.structure(first) != jax.tree.structure(after):
        yield Finding("state-structure", "state", _difference(first, after))
        return
    for (path, a), (_, b) in zip(leaves(first, "state"), leaves(after, "state"), strict=True):
        both = f"it is {shown(a)} after reset and {shown(b)} after step"
        if a.shape != b.shape:
            yield Finding("state-shape", path, both)
        elif a.dtype != b.dtype:
            yield Finding("state-dtype", path, both)


def _difference(first: Any, after: Any) -> str:
    of_reset, of_step = (
        dict.fromkeys(path for path, _ in leaves(x, "state")) for x in (first, after)
    )
    parts = [
        f"{', '.join([p for p in ours if p not in others][:4])} only after {name}"
        for name, ours, others in (("reset", of_reset, of_step), ("step", of_step, of_reset))
        if any(p not in others for p in ours)
    ]
    if parts:
        return "; ".join(parts)
    if type(first) is not type(after):
        return f"it is {kind_of(first)} after reset and {kind_of(after)} after step"
    return "the classes or static fields in it differ between reset and step"


def observations(env: Env, reset: Any, step: Any) -> Iterator[Finding]:
    """Observations have the tree, shapes and dtypes of their space, after reset and after step."""
    each = {"reset": reset[1], "step": step[1].obs}
    spaces = boxes(env.observation_space)
    wrong = False
    for name, obs in each.items():
        problem = _misfit(env.observation_space, obs)
        if problem:
            wrong = True
            yield Finding("obs-structure", f"obs after {name}", problem)
    if wrong:
        return
    lead = () if env.num_agents is None else (env.num_agents,)
    of_reset, of_step = (dict(leaves(obs, "")) for obs in each.values())
    for name, box in spaces.items():
        shared = name == "['critic']" and of_reset[name].shape == box.shape
        yield from _leaf(f"obs{name}", box, () if shared else lead, of_reset[name], of_step[name])


def _misfit(space: Any, obs: Any) -> str:
    if isinstance(space, Box):
        return "" if is_array(obs) else f"it is {kind_of(obs)}, but the space is one Box"
    if not isinstance(obs, dict):
        return f"it is {kind_of(obs)}, but the space is a dict of {_keys(space)}"
    if obs.keys() != space.keys():
        return f"its keys are {_keys(obs)}, those of the space {_keys(space)}"
    nested = [name for name, x in obs.items() if not is_array(x)]
    return f"{', '.join(nested)} is not one array" if nested else ""


def _keys(x: dict) -> str:
    return ", ".join(sorted(map(str, x)))


def _leaf(where: str, box: Box, lead: tuple[int, ...], first: Any, after: Any) -> Iterator[Finding]:
    wanted, agents = (*lead, *box.shape), f", with {lead[0]} agents first" if lead else ""
    both = f"it is {shown(first)} after reset and {shown(after)} after step"
    if first.shape != after.shape or first.dtype != after.dtype:
        yield Finding("obs-changes", where, f"{both}; the space is {box}{agents}")
        return
    if first.shape != wanted:
        problem = f"its shape is {list(first.shape)}, that of the space {list(wanted)}{agents}"
        yield Finding("obs-shape", where, problem)
    if first.dtype != np.dtype(box.dtype):
        yield Finding("obs-dtype", where, f"it is {first.dtype}, the space {box.dtype}")


def rewards(env: Env, step: Any) -> Iterator[Finding]:
    """The reward is a float32 number, or one for each agent."""
    reward, wanted = step[1].reward, () if env.num_agents is None else (env.num_agents,)
    if not is_array(reward):
        problem = f"it is {kind_of(reward)}"
        yield Finding("reward-shape", "reward", problem)
        return
    if reward.shape != wanted:
        problem = f"its shape is {list(reward.shape)}, not {list(wanted)}"
        yield Finding("reward-shape", "reward", problem)
    if reward.dtype != np.float32:
        yield Finding("reward-dtype", "reward", f"it is {reward.dtype}")


def flags(env: Env, step: Any) -> Iterator[Finding]:
    """Both flags are one bool, for all agents at once."""
    for name in ("terminated", "truncated"):
        flag = getattr(step[1], name)
        if not is_array(flag):
            yield Finding("flags", name, f"it is {kind_of(flag)}")
        elif flag.shape or flag.dtype != bool:
            agents = "; agents share it" if env.num_agents and flag.shape else ""
            yield Finding("flags", name, f"it is {shown(flag)}, not one bool{agents}")


def heard(name: str, out: Any, printed: str, warned: tuple[str, ...]) -> Iterator[Finding]:
    """A function does not print while it is traced, and asks for no 64 bits, granted or not."""
    if printed:
        yield Finding("prints", name, f"it prints {printed.strip().splitlines()[0]!r:.60}")
    for path, leaf in leaves(out, f"{name} returns "):
        if str(leaf.dtype) in WIDE:
            yield Finding("wide-dtype", path, f"it is {leaf.dtype}")
    for message in dict.fromkeys(warned):
        if "requested dtype" in message and "64" in message:
            yield Finding("wide-dtype", name, message.split("To enable")[0].strip())


def weak(reset: Any, step: Any) -> Iterator[Finding]:
    """Leaves that are weak after one function alone cost whoever loops over step a second trace.

    Both are outputs for inputs as a user passes them, Python numbers in params too. A leaf that is
    weak in both costs nothing.
    """
    pairs = {
        "state": (reset[0], step[0], "a jitted step of your own loop is traced twice"),
        "obs": (reset[1], step[1].obs, "what reads it under jit is traced twice"),
    }
    for name, (first, after, cost) in pairs.items():
        if jax.tree.structure(first) != jax.tree.structure(after):
            continue
        each = zip(leaves(first, name), leaves(after, name), strict=True)
        paths = [
            path
            for (path, a), (_, b) in each
            if a.weak_type != b.weak_type and (a.shape, a.dtype) == (b.shape, b.dtype)
        ]
        if paths:
            problem = f"the dtype is weak after reset or after step alone: {cost}"
            yield Finding("weak-type", ", ".join(paths), problem)


def info(first: Any, again: Any) -> Iterator[Finding]:
    """`info` has the same tree in two traces of one step."""
    one, two = (jax.tree.structure(x[1].info) for x in (first, again))
    if one != two:
        yield Finding("info-changes", "info", f"it is {one} in one step and {two} in the next")
