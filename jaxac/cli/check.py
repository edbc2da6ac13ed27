"""`jaxac check-env`: everything that is wrong with an environment, and how to mend it."""

import argparse
import dataclasses
import importlib
import json
import shlex
from collections.abc import Callable
from typing import Any

from jaxac.cli import flags as flag_words
from jaxac.errors import JaxacError, RegistryError, closest


def add(commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "check-env",
        help="check an environment of your own, as NAME or module:factory",
        allow_abbrev=False,
    )
    command.add_argument("name", metavar="NAME")
    flag_words.add_wrap_option(command)
    command.add_argument(
        "--steps", type=int, default=256, metavar="N", help="of each of 16 lanes (0: do not run it)"
    )
    command.add_argument("--seed", type=int, default=0, metavar="N")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=check)


def check(options: argparse.Namespace, flags: list[str]) -> int:
    """Print every finding; the status is 1 if one of them is an error."""
    from jaxac.envs.check import check_env

    flag_words.none_left(flags)
    found = _source(options.name, options.wrap)
    report = check_env(found, seed=options.seed, num_steps=options.steps)
    report = dataclasses.replace(report, name=options.name)
    if options.json:
        print(json.dumps(report.as_dict(), indent=1))
        return 0 if report.ok else 1
    words = ["--env", options.name, *(w for x in options.wrap for w in ("--wrap", x))]
    print(report)
    if report.ok:
        print(f"go on with: jaxac train ppo {shlex.join(words)}")
    else:
        print(f"mend the errors, then: jaxac check-env {shlex.join(words[1:])}")
    return 0 if report.ok else 1


def _source(name: str, wrappers: list[str]) -> Any:
    """What to check: the environment, or whatever stands at `module:attribute`."""
    from jaxac import registry

    if ":" not in name or wrappers:
        try:
            return registry.make_env(name, wrappers)
        except JaxacError:
            raise
        except Exception as error:
            return _raising(error)
    path, _, attribute = name.partition(":")
    try:
        module = importlib.import_module(path)
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and path.startswith(error.name or ":"):
            raise RegistryError(
                f"there is no module {error.name!r}; install it, or put the folder that holds it "
                "on the path: PYTHONPATH=. jaxac check-env ..."
            ) from error
        return _raising(error)
    if not hasattr(module, attribute):
        raise RegistryError(f"{path} has no {attribute!r}{closest(attribute, vars(module))}")
    return getattr(module, attribute)


def _raising(error: BaseException) -> Callable[[], Any]:
    """A factory that fails as what should have found it did."""

    def factory():
        raise error

    return factory
