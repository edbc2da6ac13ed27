"""What people and files may say: plain data of bounded depth and size, and how messages show it.

Whatever comes in from outside passes `check` before anything else looks at it, so that no later
step meets a list that holds itself, a number that fits no float, or text that is no Unicode.
"""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from jaxac.errors import ConfigError

MAX_DEPTH = 32  # lists, tables and operators inside one another
MAX_SIZE = 2_000_000  # values in one word
MAX_TEXT = 10_000  # characters
MAX_NAME = 200  # characters
MAX_BITS = 1023  # of a whole number: it fits a float
MAX_PARTS = 64  # of a dotted name in TOML; `tomllib` takes time with the square of them
SHOWN = 120  # characters of a value in a message

_BARE = re.compile(r"[\w-]+(\.[\w-]+)*")
_PART = r"""(?:(?<![\w-])[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_MANY_DIGITS = re.compile(r"[0-9_]{4000}")
_MANY_PARTS = re.compile(f"(?:{_PART}){{{MAX_PARTS}}}")


def shown(value: Any) -> str:
    """A value as a message shows it, in few characters whatever it is."""
    try:
        text = repr(value)
    except Exception:  # `repr` runs code of whoever wrote the class; it also fails on long numbers
        text = f"this {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def called(name: str) -> str:
    """A name as a message begins with it: bare, or quoted where it would not be seen for one."""
    return name if len(name) <= SHOWN and _BARE.fullmatch(name) else shown(name)


def check(value: Any, path: str, strict: bool = False) -> None:
    """Raise `ConfigError` unless `value` is plain data of bounded depth and size.

    Plain are numbers, text, None, lists, tables with names, arrays of numbers, and dataclasses
    such as operators. `strict` asks the same of what operators hold, as JSON needs it.
    """
    waiting, size = [(value, path, 0, True)], 0
    while waiting:
        x, at, depth, plain = waiting.pop()
        size += 1
        if depth > MAX_DEPTH:
            raise ConfigError(at, f"this nests more than {MAX_DEPTH} levels deep")
        if size + len(waiting) > MAX_SIZE:
            raise ConfigError(path, f"this holds more than {MAX_SIZE:,} values")
        if isinstance(x, Mapping):
            for name in x:
                check_name(name, at)
            waiting += [(v, f"{at}.{k}" if at else k, depth + 1, plain) for k, v in x.items()]
        elif isinstance(x, list | tuple):
            waiting += [(v, at, depth + 1, plain) for v in x]
        elif dataclasses.is_dataclass(x) and not isinstance(x, type):
            names = [f.name for f in dataclasses.fields(x)]
            inner = [(getattr(x, k), f"{at}.{k}", depth + 1, strict) for k in names]
            waiting += inner
        elif plain and (problem := _problem(x)):
            raise ConfigError(at, problem)


def _problem(x: Any) -> str:
    """What is wrong with one value, or nothing."""
    if isinstance(x, str):
        if len(x) > MAX_TEXT:
            return f"{shown(x)} has {len(x):,} characters, more than {MAX_TEXT:,}"
        return "" if _is_unicode(x) else f"{shown(x)} is not valid Unicode"
    if isinstance(x, int):
        return f"a number of {x.bit_length():,} bits is too large" if _is_huge(x) else ""
    kind = getattr(getattr(x, "dtype", None), "kind", None)
    if x is None or isinstance(x, float) or kind in ("b", "i", "u", "f", "V"):  # V: jax's bfloat16
        return ""
    return f"{shown(x)} is a {type(x).__name__}, which is neither number, text, list nor table"


def check_name(name: Any, within: str) -> None:
    """Raise `ConfigError` unless `name` may be that of a field, an algorithm or an environment."""
    if not isinstance(name, str):
        raise ConfigError(within, f"{shown(name)} is not a name")
    if len(name) > MAX_NAME:
        many = f"{len(name):,} characters, more than {MAX_NAME}"
        raise ConfigError(within, f"the name {shown(name[:40])}… has {many}")
    if not _is_unicode(name):
        raise ConfigError(within, f"the name {shown(name)} is not valid Unicode")


def _is_huge(x: int) -> bool:
    return x.bit_length() > MAX_BITS


def _is_unicode(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text)


def toml(text: str) -> dict[str, Any]:
    """What TOML text says. Raises `ValueError` saying where and why it cannot be read."""
    if many := _MANY_PARTS.search(text):
        raise ValueError(
            f"a dotted name of more than {MAX_PARTS} parts {_line(text, many.start())}"
        )
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except ValueError as error:  # Python reads no number of some thousand digits
        digits = _MANY_DIGITS.search(text)
        at = _line(text, digits.start() if digits else 0)
        raise ValueError(f"a number of thousands of digits {at}") from error
    except RecursionError as error:
        opened = [line.count("[") + line.count("{") for line in text.splitlines()]
        most = opened.index(max(opened)) + 1
        raise ValueError(f"it nests too deeply, most of it (at line {most})") from error


def _line(text: str, place: int) -> str:
    lines = text.count("\n", 0, place) + 1
    return f"(at line {lines})"
