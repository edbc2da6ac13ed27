"""Params of environments by name: `gravity`, and of a wrapper `StickyActions.prob`."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from jaxac import config
from jaxac.core import MAX_COUNT, is_frozen, is_static
from jaxac.envs.wrap import WrappedParams, names
from jaxac.errors import ConfigError, closest
from jaxac.plain import check, check_name, shown


def set_env_params(params: Any, changes: Mapping[str, Any]) -> Any:
    """Environment params with some changed, by dotted name.

    A wrapped environment's own keep their names; those of a wrapper follow its class name. Raises
    `ConfigError` naming the closest one, for a value out of range, and for a static field.
    """
    for name, value in changes.items():
        params = _changed(params, name, value)
    return params


def env_params(params: Any) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of every param that is traced, the environment's own first."""
    if isinstance(params, WrappedParams):
        yield from env_params(params.env)
        for name, wrapper in _wrappers(params).items():
            for f in config.fields(wrapper):
                if f.kind == "traced":
                    yield f"{name}.{f.path}", f.value
        return
    for f in dataclasses.fields(params) if dataclasses.is_dataclass(params) else ():
        value = getattr(params, f.name)
        if dataclasses.is_dataclass(value):
            yield from ((f"{f.name}.{name}", x) for name, x in env_params(value))
        elif not is_static(f):
            yield f.name, value


def _wrappers(params: WrappedParams) -> dict[str, Any]:
    return dict(zip(names(params.wrappers), params.wrappers, strict=True))


def _changed(params: Any, name: str, value: Any) -> Any:
    check_name(name, "env")
    path = f"env.{name}"
    check(value, path)
    _check_number(value, path)
    own = params.env if isinstance(params, WrappedParams) else params
    wrappers = _wrappers(params) if isinstance(params, WrappedParams) else {}
    wrapper, _, rest = name.partition(".")
    if wrapper in wrappers and rest:
        _check_traced(wrappers[wrapper], wrapper, rest, path)
        wrappers[wrapper] = config.configure(wrappers[wrapper], {rest: value}, f"env.{wrapper}.")
        return dataclasses.replace(params, wrappers=tuple(wrappers.values()))
    known = [x for x, _ in env_params(params)]
    if not known:
        raise ConfigError(path, "this environment has no params")
    if name not in known:
        raise ConfigError(path, f"no such environment param{closest(name, known)}")
    own = _replaced(own, name.split("."), value, path)
    return dataclasses.replace(params, env=own) if isinstance(params, WrappedParams) else own


def _check_number(value: Any, path: str) -> None:
    """Raise `ConfigError` for what is neither a number nor an array of them."""
    is_list = isinstance(value, list | tuple)
    for x in jax.tree.leaves(value) if is_list else [value]:
        if isinstance(x, str | Mapping) or is_frozen(x):
            raise ConfigError(
                path, f"{shown(x)} is not a number; an environment takes no schedules"
            )


def _check_traced(wrapper: Any, name: str, rest: str, path: str) -> None:
    for f in config.fields(wrapper):
        if f.path == rest and f.kind != "traced":
            raise ConfigError(
                path,
                f"this is not a number that a program can vary; say it where the wrapper is named, "
                f"as in {name}({rest}={f.value if f.kind == 'static' else '...'})",
            )


def _replaced(params: Any, parts: list[str], value: Any, path: str) -> Any:
    name, *rest = parts
    current = getattr(params, name)
    new = _replaced(current, rest, value, path) if rest else _like(current, value, path)
    try:
        return dataclasses.replace(params, **{name: new})
    except ConfigError as error:
        raise ConfigError(path, error.problem) from error


def _like(default: Any, value: Any, path: str) -> Any:
    if isinstance(value, list | tuple) and isinstance(default, np.ndarray | jax.Array):
        return _array_like(default, value, path)
    if isinstance(default, bool) or not isinstance(default, int | float):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise ConfigError(path, f"{shown(value)} is not a number")
    if isinstance(default, int) and not float(value).is_integer():
        raise ConfigError(path, f"{shown(value)} is not a whole number")
    if isinstance(default, int) and abs(value) > MAX_COUNT:
        raise ConfigError(path, f"{shown(value)} does not fit 32 bits")
    return type(default)(value)


def _array_like(default: Any, value: Any, path: str) -> np.ndarray:
    try:
        found = np.asarray(value, default.dtype)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(path, f"{shown(value)} is no array of numbers") from error
    if found.shape != default.shape:
        wanted = list(default.shape)
        raise ConfigError(path, f"the shape of {shown(value)} is {list(found.shape)}, not {wanted}")
    return found
