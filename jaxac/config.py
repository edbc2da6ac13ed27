"""Hyper-parameters as data: field tables, dotted paths, canonical JSON and hashes.

A configuration is a frozen pytree. `configure(PPO(), {"surrogate.low": 0.1})` changes fields by
dotted name and says which field, value and range are wrong. `to_json` and `from_json` go both ways
without loading code: an operator is named by its class, which must be imported already.
"""

import dataclasses
import hashlib
import importlib
import inspect
import json
import sys
import typing
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

import numpy as np

from jaxac import modules
from jaxac.core import (
    Scalar,
    Schedule,
    check_range,
    is_frozen,
    is_frozen_class,
    is_static,
    replace,
)
from jaxac.errors import ConfigError, RegistryError, closest
from jaxac.fields import Meta, meta
from jaxac.plain import called, check, check_name, shown

MAX_LIST = 1_000  # numbers in a static field


@dataclasses.dataclass(frozen=True)
class FieldInfo:
    """One row of an algorithm's field table."""

    path: str  # dotted name, such as "surrogate.low"
    value: Any
    kind: str  # "traced", "static" or "operator"
    meta: Meta


def fields(hp: Any, prefix: str = "") -> Iterator[FieldInfo]:
    """Every field of a configuration as declared, operators before their own fields."""
    for f in dataclasses.fields(hp):
        path, value = prefix + f.name, getattr(hp, f.name)
        if is_static(f):
            yield FieldInfo(path, value, "static", meta(f))
        elif is_frozen(value):
            yield FieldInfo(path, value, "operator", meta(f))
            yield from fields(value, path + ".")
        else:
            yield FieldInfo(path, value, "traced", meta(f))


def configure(hp: Any, changes: Mapping[str, Any], within: str = "") -> Any:
    """`hp` with the fields named by dotted path changed, in order.

    An operator is given as one, as its class name (`"Clip"`), or as `{"op": "Clip", "low": 0.1}`.
    Raises `ConfigError` naming the field, the value, the valid range, or the closest field name.
    """
    for path, value in changes.items():
        check_name(path, within or type(hp).__name__)
        check(value, within + path)
        hp = _set(hp, path.split("."), value, within)
    return hp


def _set(hp: Any, parts: list[str], value: Any, prefix: str) -> Any:
    name, rest = parts[0], parts[1:]
    path = prefix + name
    declared = {f.name: f for f in dataclasses.fields(hp)}
    if name not in declared:
        known = [prefix + x.path for x in fields(hp)]
        whole = ".".join([path, *rest])
        near, wrong = closest(whole, known), path if called(whole) == whole else whole
        raise ConfigError(called(wrong), f"{type(hp).__name__} has no such field{near}")
    current = getattr(hp, name)
    if rest and not is_frozen(current):
        raise ConfigError(
            called(".".join([path, *rest])), f"{path} is {shown(current)}, which has no fields"
        )
    if rest:
        return replace(hp, **{name: _set(current, rest, value, path + ".")})
    value = _coerce(declared[name], value, current, path)
    check_range(declared[name], value, path)
    return replace(hp, **{name: value})


def _coerce(f: dataclasses.Field, value: Any, current: Any, path: str) -> Any:
    if is_static(f):
        return _coerce_static(typing.get_args(f.type)[0], value, path)
    if is_frozen(value):
        if not _meets(value, _role(f)):
            found = type(value).__name__
            raise ConfigError(path, f"{found} does not fit here{closest(found, operators(f))}")
        return value
    if isinstance(value, Mapping) or (isinstance(value, str) and value):
        return _operator(f, value, path)
    takes_arrays = any(typing.get_origin(x) is tuple for x in typing.get_args(f.type))
    if takes_arrays and isinstance(value, list | tuple | np.ndarray):
        return _array(f, value, path)
    if f.type == Scalar or not is_frozen(current):
        if isinstance(value, bool) or not isinstance(value, int | float | np.number):
            raise ConfigError(path, f"{shown(value)} is not a number; {meta(f).doc}")
        if f.type == Scalar or not isinstance(current, int):
            return float(value)
        if not float(value).is_integer():
            raise ConfigError(path, f"{shown(value)} is not a whole number; {meta(f).doc}")
        return int(value)
    now = type(current).__name__
    raise ConfigError(path, f"{shown(value)} is not an operator; it is now {now}")


def _array(f: dataclasses.Field, value: Any, path: str) -> np.ndarray:
    try:
        return np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        problem = f"{shown(value)} is not an array of numbers; {meta(f).doc}"
        raise ConfigError(path, problem) from error


def _coerce_static(kind: Any, value: Any, path: str) -> Any:
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(path, f"{shown(value)} is not a list")
        if len(value) > MAX_LIST:
            raise ConfigError(path, f"a list of {len(value):,}; it has at most {MAX_LIST:,}")
        element = typing.get_args(kind)[0]
        return tuple(_coerce_static(element, x, path) for x in value)
    if isinstance(value, np.generic):
        value = value.item()
    if kind is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        named = getattr(kind, "__name__", kind)
        raise ConfigError(path, f"{shown(value)} is not of type {named}")
    return value


def _operator(f: dataclasses.Field, value: str | Mapping, path: str) -> Any:
    """An operator from its class name, or from a table with its name under "op"."""
    table = {"op": value} if isinstance(value, str) else dict(value)
    name = table.pop("op", None)
    if not isinstance(name, str):
        raise ConfigError(path, 'an operator is a table such as {op = "GAE", lam = 0.9}')
    choices = operators(f)
    found = _imported(name, path) if ":" in name else choices.get(name)
    if not _is_operator(found, _role(f)):
        raise ConfigError(path, f"there is no operator {shown(name)}{closest(name, choices)}")
    return configure(found(), table, path + ".")


def _imported(name: str, path: str) -> Any:
    try:
        return modules.attribute(name, "operator")
    except RegistryError as error:
        raise ConfigError(path, str(error)) from error


def operators(f: dataclasses.Field) -> dict[str, type]:
    """The operators that may stand in a slot, by class name; for a number, the schedules.

    They are the classes that meet the slot's protocol, in its own module or package.
    """
    role = _role(f)
    home = "jaxac.ops.schedule" if role is Schedule else getattr(role, "__module__", "")
    names = {**_namespace(home.rpartition(".")[0]), **_namespace(home)}
    return {k: v for k, v in names.items() if _is_operator(v, role)}


def _role(f: dataclasses.Field) -> Any:
    return Schedule if f.type == Scalar else f.type


def choices(hp: Any, path: str) -> dict[str, type]:
    """The operators that may stand in the slot at a dotted path of `hp`, by class name."""
    *owners, name = path.split(".")
    for part in owners:
        hp = getattr(hp, part)
    return operators(next(f for f in dataclasses.fields(hp) if f.name == name))


def _namespace(module: str) -> dict[str, Any]:
    if module.partition(".")[0] == "jaxac":
        return vars(importlib.import_module(module))
    return vars(sys.modules[module]) if module in sys.modules else {}


def _is_operator(cls: Any, role: Any) -> TypeGuard[type]:
    return (
        isinstance(cls, type)
        and is_frozen_class(cls)
        and _has_defaults(cls)
        and _meets(cls(), role)
    )


def _meets(value: Any, role: Any) -> bool:
    """Whether a frozen object meets a slot's protocol, down to the names of its arguments.

    `isinstance` alone compares names of methods, and most roles are a `__call__`.
    """
    if not isinstance(role, type) or role is Any:
        return True
    if not isinstance(value, role):
        return False
    wanted, given = (_arguments(x) for x in (role, type(value)))
    return given[: len(wanted)] == wanted


def _arguments(cls: type) -> tuple[str, ...]:
    call = vars(cls).get("__call__")
    return () if call is None else tuple(inspect.signature(call).parameters)


def _has_defaults(cls: Any) -> bool:
    return all(f.default is not dataclasses.MISSING for f in dataclasses.fields(cls))


def to_json(hp: Any) -> Any:
    """A configuration, or any data that holds some, as plain JSON; `op` holds `module:Class`."""
    if is_frozen(hp):
        cls = type(hp)
        own = {
            f.name: to_json(_as_declared(f, getattr(hp, f.name))) for f in dataclasses.fields(hp)
        }
        return {"op": f"{cls.__module__}:{cls.__qualname__}", **own}
    if isinstance(hp, Mapping):
        return {k: to_json(v) for k, v in hp.items()}
    if isinstance(hp, tuple | list):
        return [to_json(x) for x in hp]
    if isinstance(hp, bool | str | int) or hp is None:
        return hp
    if isinstance(hp, float):
        return float(hp) if np.isfinite(hp) else repr(float(hp))
    array = np.asarray(hp)
    if array.dtype == object:
        raise TypeError(f"{hp!r} cannot be written as JSON")
    return to_json(array.tolist())


def _as_declared(f: dataclasses.Field, value: Any) -> Any:
    """An int as a float where a float is declared, so that 1 and 1.0 give one JSON."""
    wants_float = f.type == Scalar or (is_static(f) and typing.get_args(f.type)[0] is float)
    is_int = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if wants_float and is_int else value


def from_json(data: Any, like: Any) -> Any:
    """The configuration that `to_json` wrote. `like` is any instance of the expected class.

    Loads no code but jaxac's own: any other class must be imported already. Raises `ConfigError`.
    """
    op = data.get("op") if isinstance(data, Mapping) else data
    if op != f"{type(like).__module__}:{type(like).__qualname__}":
        raise ConfigError("op", f"expected a {type(like).__name__}, got {shown(op)}")
    check(data, "")
    for path, value in data.items():
        for module in modules.named(value):
            if module not in sys.modules:
                raise ConfigError(path, f"there is no operator of {module}: it is not imported")
    return configure(like, {k: numbers(v) for k, v in data.items() if k != "op"})


def numbers(value: Any) -> Any:
    """JSON data with infinities, which JSON lacks and `to_json` spells, as numbers again."""
    if isinstance(value, str):
        return float(value) if value in ("inf", "-inf", "nan") else value
    if isinstance(value, list):
        return [numbers(x) for x in value]
    if isinstance(value, dict):
        return {k: numbers(v) for k, v in value.items()}
    return value


def canonical(data: Any) -> str:
    """JSON with sorted keys and no spaces: equal data give equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def stable_hash(data: Any) -> str:
    """Sixteen hexadecimal digits of the SHA-256 of the canonical JSON of `data`."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()[:16]
