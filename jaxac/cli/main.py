"""`jaxac`: parse, dispatch, and turn every error made on purpose into one clear message."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

import jaxac
from jaxac.errors import JaxacError

GROUPS = ("train", "sweep", "report", "info", "check", "video", "policy", "verify", "doctor")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit status: 0, 1 for a `JaxacError`, 130 if interrupted."""
    try:
        options, flags = parser().parse_known_args(argv)
        return options.run(options, flags) or 0
    except JaxacError as error:
        print(f"jaxac: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as interrupt:
        how = f"; `jaxac resume {interrupt}` goes on from there" if interrupt.args else ""
        print(f"\njaxac: interrupted{how}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        print(f"jaxac: {error.filename or 'the system'}: {error.strerror}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    """The parser of all commands. Each command group adds its own."""
    top = argparse.ArgumentParser(
        prog="jaxac",
        description="Reinforcement-learning sweeps in JAX: a thousand configurations in one "
        "process. Start with `jaxac sweep quickstart`.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"jaxac {jaxac.__version__}")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for group in GROUPS:
        importlib.import_module(f"jaxac.cli.{group}").add(commands)
    return top


if __name__ == "__main__":
    sys.exit(main())
