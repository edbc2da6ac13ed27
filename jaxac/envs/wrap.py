"""Wrappers: pure functions from an environment to an environment, in one flat list.

`wrap(env, StickyActions(prob=0.1), FrameStack(num=4))` applies them in order, the first nearest to
the environment. Their numbers are traced: they stand in the params beside the environment's own, so
the stickiness of actions is an axis of a sweep. jaxac's own are in `jaxac.envs.wrappers`.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from typing import Any

from jaxac.core import frozen, is_frozen
from jaxac.envs.contract import Env
from jaxac.envs.wrappers.role import Held
from jaxac.errors import EnvError


@frozen
class WrappedParams:
    """Params of a wrapped environment: its own, and each wrapper with its numbers."""

    env: Any
    wrappers: tuple[Any, ...]


def wrap(env: Env, *wrappers: Any) -> Env:
    """`env` with `wrappers` applied in order, after those it has already.

    Its params become `WrappedParams`. Raises `EnvError` for what is no wrapper, and where one does
    not fit what it wraps.
    """
    if not wrappers:
        return env
    for wrapper in wrappers:
        _check(env, wrapper)
    count = len(env.wrappers)
    before = env.params if count else WrappedParams(env.params, ())

    def applied(wrappers: Sequence[Any]) -> Env:
        wrapped = env
        for wrapper in wrappers:
            own = (*wrapped.wrappers, wrapper)
            wrapped = dataclasses.replace(wrapper(wrapped), wrappers=own)
        return wrapped

    def of_env(params: WrappedParams) -> Any:
        return WrappedParams(params.env, params.wrappers[:count]) if count else params.env

    def reset(key, params):
        return applied(params.wrappers[count:]).reset(key, of_env(params))

    def step(key, state, action, params):
        return applied(params.wrappers[count:]).step(key, state, action, of_env(params))

    def time_limit(params):
        return applied(params.wrappers[count:]).time_limit(of_env(params))

    unwrapped = env.unwrapped or env
    draw = unwrapped.render

    def render(state, params):
        assert draw is not None
        return draw(innermost(state), params.env)

    return dataclasses.replace(
        applied(wrappers),
        reset=reset,
        step=step,
        time_limit=time_limit,
        render=draw and render,
        params=WrappedParams(before.env, (*before.wrappers, *wrappers)),
        unwrapped=unwrapped,
    )


def wrappers_of(params: Any) -> tuple[Any, ...]:
    """The wrappers with their numbers as they stand in params of an environment."""
    return params.wrappers if isinstance(params, WrappedParams) else ()


def names(wrappers: Sequence[Any]) -> tuple[str, ...]:
    """What each wrapper's numbers are called by: its class, and from the second on, `Class2`."""
    seen: Counter[str] = Counter()
    found = []
    for wrapper in wrappers:
        name = type(wrapper).__name__
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}{seen[name]}")
    return tuple(found)


def innermost(state: Any) -> Any:
    """The environment's own state under what wrappers hold."""
    while isinstance(state, Held):
        state = state.env
    return state


def _check(env: Env, wrapper: Any) -> None:
    if isinstance(wrapper, type):
        name = wrapper.__name__
        raise EnvError(f"{name} on {env.name} is a class; wrap with one of it, {name}()")
    if not is_frozen(wrapper) or not callable(wrapper):
        raise EnvError(
            f"{wrapper!r} on {env.name} is no wrapper: write a @frozen class with "
            "`__call__(self, env) -> Env`, so that its numbers can be traced"
        )
