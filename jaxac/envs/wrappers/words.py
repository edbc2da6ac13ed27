"""Wrappers in words: names and tables of a sweep file, calls of a command line, plain JSON."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from jaxac import config
from jaxac import plain as plain_data
from jaxac.core import Schedule, field, frozen, is_frozen
from jaxac.envs.wrappers.reward import SignReward
from jaxac.envs.wrappers.role import Wrapper
from jaxac.errors import ConfigError


@frozen
class _Slot:
    wrappers: Wrapper = field(SignReward(), "a change to the environment")


def parse(wrappers: Iterable[Any]) -> tuple[Wrapper, ...]:
    """The wrappers that are named, in order.

    Each is one itself, a name (`"TimeAware"`), a table (`{"op": "FrameStack", "num": 2}`) or a call
    (`"FrameStack(num=2)"`, its arguments as in a TOML table). One of another package is
    `"module:Class"`. Raises `ConfigError` for an unknown name, field or value, with the closest.
    """
    return tuple(_one(x) for x in wrappers)


def tables(wrappers: Iterable[Any]) -> list[Any]:
    """The wrappers with calls read as tables; nothing is looked up."""
    return [_table(x) if isinstance(x, str) else x for x in wrappers]


def _one(wrapper: Any) -> Wrapper:
    plain_data.check(wrapper, "wrappers")
    value = _table(wrapper) if isinstance(wrapper, str) else config.numbers(wrapper)
    fields = {}
    if isinstance(value, Mapping):
        fields = {k: v for k, v in value.items() if k != "op"}
        value = {k: v for k, v in value.items() if k == "op"}
    bare = config.configure(_Slot(), {"wrappers": value}).wrappers
    path = f"wrappers.{type(bare).__name__}."
    found = config.configure(bare, fields, path)
    for f in config.fields(found):
        if isinstance(f.value, Schedule):
            raise ConfigError(path + f.path, "an environment takes no schedule; give a number")
    return found


def _table(call: str) -> dict[str, Any]:
    name, bracket, rest = call.strip().partition("(")
    try:
        if bracket and not rest.endswith(")"):
            raise ValueError("no closing bracket")
        fields = plain_data.toml(f"x = {{{rest[:-1]}}}")["x"]
    except ValueError as error:
        problem = f"{plain_data.shown(call)} cannot be read"
        raise ConfigError(
            "wrappers", f"{problem}; write Name or Name(field=1.0, other=[1, 2])"
        ) from error
    plain_data.check(fields, "wrappers")
    return {"op": name.strip(), **fields}


def plain(wrappers: Iterable[Any]) -> tuple[dict[str, Any], ...]:
    """What `parse` takes as plain JSON with every field written out: equal wrappers, equal data."""
    once = parse(map(table, parse(wrappers)))  # so that 1 is written as 1.0 is
    return tuple(map(table, once))


def table(wrapper: Wrapper) -> dict[str, Any]:
    """A wrapper as plain JSON, its numbers as they are."""
    (slot,) = dataclasses.fields(_Slot)
    return _plain(slot, wrapper)


def _plain(slot: dataclasses.Field, operator: Any) -> dict[str, Any]:
    """An operator as JSON, named by its class alone where its slot knows it by that."""
    data = config.to_json(operator)
    for f in dataclasses.fields(operator):
        if is_frozen(getattr(operator, f.name)):
            data[f.name] = _plain(f, getattr(operator, f.name))
    name = type(operator).__name__
    return {**data, "op": name} if config.operators(slot).get(name) is type(operator) else data


def call(data: dict[str, Any]) -> str:
    """A table as a call for the command line: `FrameStack(num=4)`."""
    fields = ", ".join(f"{k}={_toml(v)}" for k, v in data.items() if k != "op")
    return f"{data['op']}({fields})" if fields else data["op"]


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{k}={_toml(v)}' for k, v in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value not in ("inf", "-inf", "nan"):
        return f'"{value}"'
    return str(value)
