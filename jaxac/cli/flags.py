"""Flags that name hyper-parameters: `--learning-rate 1e-3 --surrogate.low 0.1 --env.gravity 12`."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxac import plain
from jaxac.errors import ConfigError

if TYPE_CHECKING:
    from jaxac.store.rundir import Retention


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
            raise ConfigError(plain.called(flag), "expected a flag such as --learning-rate 1e-3")
        name, equals, text = flag[2:].partition("=")
        if not equals:
            if not words or words[0].startswith("--"):
                raise ConfigError(plain.called(flag), "this flag has no value")
            text = words.pop(0)
        found[name.replace("-", "_")] = _value(text)
    of_env = {k[4:]: v for k, v in found.items() if k.startswith("env.")}
    return {k: v for k, v in found.items() if not k.startswith("env.")}, of_env


def none_left(flags: Sequence[str]) -> None:
    """Raise `ConfigError` if a command that takes no such flags was given some."""
    if flags:
        raise ConfigError(plain.called(flags[0]), "unknown argument; see --help")


def _value(text: str) -> Any:
    try:
        return plain.toml(f"value = {text}")["value"]
    except ValueError:
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
    add_retention_options(command)
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


def add_retention_options(command: argparse.ArgumentParser) -> None:
    """The options that say which states are kept."""
    command.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="keep the N newest checkpoints of each lane batch that trains (default 2)",
    )
    command.add_argument(
        "--no-states",
        action="store_true",
        help="keep no checkpoints of finished runs: less disk, but no policies and videos",
    )


def retention(options: argparse.Namespace) -> "Retention | None":
    """Which states the options ask to keep; none if they say nothing. Raises `ConfigError`."""
    if options.keep is None and not options.no_states:
        return None
    from jaxac.store.rundir import Retention

    if options.keep is not None and options.keep < 1:
        raise ConfigError("keep", f"{options.keep} is not a number of checkpoints; 1 at least")
    return Retention(options.keep or Retention.newest, not options.no_states)


def add_import_option(command: argparse.ArgumentParser) -> None:
    """The option of every command that builds what a run directory names."""
    command.add_argument(
        "--import",
        dest="modules",
        action="append",
        default=[],
        metavar="MODULE",
        help="a module of yours that the sweep names; nothing is imported on a directory's word",
    )
