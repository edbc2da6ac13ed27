"""`jaxac sweep` and `jaxac resume`."""

import argparse
import dataclasses

from jaxac.cli import flags as flag_words
from jaxac.errors import SweepError


def add(commands) -> None:
    """Add the commands."""
    command = commands.add_parser(
        "sweep",
        help="run a sweep file",
        description="Run a sweep: a TOML file of yours, or one that ships, such as `quickstart`.",
        allow_abbrev=False,
    )
    command.add_argument("file", metavar="FILE")
    for word in ("total-steps", "configs", "seeds"):
        command.add_argument(
            f"--{word}", type=int, metavar="N", help=f"in place of the file's {word}"
        )
    command.add_argument(
        "--then-report",
        type=int,
        metavar="N",
        help="train the best configuration again on N fresh seeds, and report those",
    )
    flag_words.add_run_options(command)
    command.set_defaults(run=sweep)

    command = commands.add_parser(
        "resume", help="go on with an interrupted sweep", allow_abbrev=False
    )
    command.add_argument("dir", metavar="DIR")
    command.add_argument("--quiet", action="store_true", help="no progress")
    command.add_argument("--json", action="store_true", help="end with one line of JSON")
    flag_words.add_workers_option(command)
    flag_words.add_retention_options(command)
    flag_words.add_import_option(command)
    command.add_argument(
        "--anyway",
        action="store_true",
        help="go on with other versions or on another device, where other numbers may come out",
    )
    command.set_defaults(run=resume)


def sweep(options: argparse.Namespace, flags: list[str]) -> int:
    """Run the sweep, then print the ranked table and draw the pictures."""
    from jaxac.cli import shown
    from jaxac.sweep import spec

    flag_words.none_left(flags)
    words = {
        word: getattr(options, word)
        for word in ("total_steps", "configs", "seeds", "lanes")
        if getattr(options, word) is not None
    }
    read = dataclasses.replace(spec.from_toml(options.file), **words)
    if options.then_report is None:
        return shown.run(read, options, shown.ranking)
    if options.then_report < 1:
        raise SweepError(f"--then-report: {options.then_report} is not a number of seeds")
    return shown.run(read, options, lambda results: shown.reported(results, options))


def resume(options: argparse.Namespace, flags: list[str]) -> int:
    """Go on with a sweep, then show what `jaxac sweep` shows."""
    from jaxac import modules
    from jaxac.cli import shown
    from jaxac.sweep import run

    flag_words.none_left(flags)
    modules.load(options.modules)
    results = run.resume(
        options.dir,
        shown.reporter(options),
        options.workers,
        flag_words.retention(options),
        options.anyway,
    )
    shown.ranking(results)
    shown.finish(results, options)
    return 0
