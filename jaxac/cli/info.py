"""`jaxac algorithms`, `jaxac envs`, `jaxac show`: what there is."""

import argparse
import json

from jaxac.cli import flags as flag_words
from jaxac.errors import ConfigError

STUDIES = """
Functions on processes known as arrays, shown in notebooks/theory.ipynb; they take no environment:
"""


def add(commands) -> None:
    """Add the commands."""
    command = commands.add_parser("algorithms", help="list the algorithms", allow_abbrev=False)
    command.add_argument("--json", action="store_true", help="every registry record as JSON")
    command.set_defaults(run=algorithms)

    command = commands.add_parser("envs", help="list the environments, or one", allow_abbrev=False)
    command.add_argument("name", metavar="NAME", nargs="?")
    command.add_argument("--show", metavar="NAME", help="all that is known of one, as `envs NAME`")
    flag_words.add_wrap_option(command)
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=envs)

    command = commands.add_parser(
        "show", help="an algorithm's fields, defaults, ranges and paper", allow_abbrev=False
    )
    command.add_argument("algorithm", metavar="ALGORITHM")
    command.add_argument("--json", action="store_true")
    command.set_defaults(run=show)


def algorithms(options: argparse.Namespace, flags: list[str]) -> int:
    """One line an algorithm, then one a method on known processes; imports no jax."""
    from jaxac import registry

    flag_words.none_left(flags)
    parts = registry.records(), registry.studies()
    if options.json:
        found = {key: registry.as_dict(r) for part in parts for key, r in part.items()}
        print(json.dumps(found, indent=1))
        return 0
    for title, part in zip(("", STUDIES), parts, strict=True):
        print(title, end="")
        width = max(map(len, part))
        for key, r in part.items():
            paper = ", ".join(filter(None, (str(r.paper.year), r.paper.id)))
            print(f"{key:<{width}}  {r.summary} ({paper})")
    return 0


def envs(options: argparse.Namespace, flags: list[str]) -> int:
    """One line an environment, or all that is known of one."""
    from jaxac import registry
    from jaxac.cli import described

    flag_words.none_left(flags)
    name = options.show or options.name
    if options.wrap and not name:
        raise ConfigError("wrap", "which environment? Name it, as in --show CartPole-v1")
    if name:
        print(described.environment(registry.make_env(name, options.wrap), options.json))
        return 0
    found = list(registry.env_ids())
    if options.json:
        print(json.dumps([f"{suite}/{name}".lstrip("/") for suite, name in found]))
        return 0
    for suite, name in found:
        print(f"{suite}/{name}".lstrip("/"))
    return 0


def show(options: argparse.Namespace, flags: list[str]) -> int:
    """The field table of an algorithm, and its record."""
    from jaxac.cli import described

    flag_words.none_left(flags)
    print(described.algorithm(options.algorithm, options.json))
    return 0
