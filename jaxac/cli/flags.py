"""Flags that name hyper-parameters: `--learning-rate 1e-3 --surrogate.low 0.1 --env.gravity 12`."""

import argparse
import tomllib
from collections.abc import Sequence
from typing import Any

from jaxac.errors import ConfigError


def parse(flags: Sequence[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(hyper-parameters, environment params) of the flags that argparse left.

    A value is read as TOML (`3e-4`, `[64, 64]`, `true`), and as a name if it is not
    (`--credit NStep`). Raises `ConfigError` for a flag without a value.
    """
    found: dict[str, Any] = {}
    words = list(flags)
    while words:
        flag = words.pop(0)
        if not flag.startswith("--"):
            raise ConfigError(flag, "expected a flag such as --learning-rate 1e-3")
        name, equals, text = flag[2:].partition("=")
        if not equals:
            if not words or words[0].startswith("--"):
                raise ConfigError(name, "this flag has no value")
            text = words.pop(0)
        found[name.replace("-", "_")] = _value(text)
    of_env = {k[4:]: v for k, v in found.items() if k.startswith("env.")}
    return {k: v for k, v in found.items() if not k.startswith("env.")}, of_env


def none_left(flags: Sequence[str]) -> None:
    """Raise `ConfigError` if a command that takes no such flags was given some."""
    if flags:
        raise ConfigError(flags[0], "unknown argument; see --help")


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def add_wrap_option(command: argparse.ArgumentParser) -> None:
    """The option of every command that makes an environment."""
    command.add_argument(
        "--wrap",
        action="append",
        default=[],
        metavar="WRAPPER",
        help="change the environment, as in --wrap TimeAware --wrap 'FrameStack(num=2)'; in order",
    )


def add_run_options(command: argparse.ArgumentParser) -> None:
    """Options of every command that trains."""
    command.add_argument("--out", metavar="DIR", help="the run directory (default: a new one)")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.add_argument("--json", action="store_true", help="end with one line of JSON")
    add_workers_option(command)
    command.add_argument("--lanes", type=int, metavar="N", help="widest lane batch")
    command.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    command.add_argument(
        "--no-measure",
        action="store_true",
        help="with --dry-run, measure no memory and time that are not known yet",
    )


def add_workers_option(command: argparse.ArgumentParser) -> None:
    """The option of every command that trains or goes on."""
    command.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="train in N processes, one to a core; 0: in this one (default: what is faster)",
    )
