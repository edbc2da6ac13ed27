"""`jaxac table`, `jaxac plot` and `jaxac importance`: from a run directory to a paper."""

import argparse
import sys

from jaxac.cli import flags as flag_words


def add(commands) -> None:
    """Add the commands."""
    table = commands.add_parser(
        "table", help="print the ranked table of a run directory", allow_abbrev=False
    )
    table.add_argument("dir", metavar="DIR")
    table.add_argument("--format", choices=("md", "csv", "latex"), default="md")
    table.add_argument(
        "--top", type=positive_number, metavar="N", help="only the best N configurations"
    )
    table.add_argument("--metric", default="eval_return", help="what to rank by")
    table.set_defaults(run=print_table)

    plot = commands.add_parser(
        "plot", help="draw learning curves, sensitivity, parallel coordinates", allow_abbrev=False
    )
    plot.add_argument("dir", metavar="DIR")
    plot.add_argument("--folder", metavar="F", help="where the pictures go (default: DIR)")
    plot.add_argument("--format", choices=("png", "pdf", "svg"), default="png")
    plot.add_argument(
        "--top", type=positive_number, default=5, metavar="N", help="curves in colour"
    )
    plot.add_argument("--metric", default="eval_return", help="what to draw")
    plot.set_defaults(run=draw)

    shares = commands.add_parser(
        "importance", help="print which hyper-parameters mattered", allow_abbrev=False
    )
    shares.add_argument("dir", metavar="DIR")
    shares.add_argument("--format", choices=("md", "csv"), default="md")
    shares.add_argument("--metric", default="eval_return", help="what they mattered for")
    shares.set_defaults(run=print_importance)


def positive_number(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


def print_table(options: argparse.Namespace, flags: list[str]) -> int:
    """Print the table."""
    from jaxac.report import results, tables

    flag_words.none_left(flags)
    ranked = results.load(options.dir).table(options.metric)
    sys.stdout.write(tables.render(ranked, options.format, options.top))
    return 0


def draw(options: argparse.Namespace, flags: list[str]) -> int:
    """Draw the pictures and print their paths."""
    from jaxac.report import results

    flag_words.none_left(flags)
    loaded = results.load(options.dir)
    for path in loaded.plot(options.folder, options.metric, options.top, options.format):
        print(path)
    return 0


def print_importance(options: argparse.Namespace, flags: list[str]) -> int:
    """Print the importance of each hyper-parameter and, but for CSV, what that means."""
    from jaxac.report import importance, results

    flag_words.none_left(flags)
    found = results.load(options.dir).importance(options.metric)
    sys.stdout.write(importance.render(found, options.format))
    if options.format == "md":
        print(f"\n{importance.explanation(found, options.metric)}")
    return 0
