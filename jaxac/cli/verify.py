"""`jaxac verify`: is all there that was acknowledged, and is it what was written?"""

import argparse
import dataclasses
import json
from pathlib import Path

from jaxac.cli import flags as flag_words


def add(commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "verify",
        help="check every file of a run directory",
        description="Check the ledger and every shard, checkpoint and row of a run directory. "
        "Changes nothing; `jaxac resume` computes again what is damaged.",
        allow_abbrev=False,
    )
    command.add_argument("dir", metavar="DIR")
    command.add_argument("--json", action="store_true", help="the verdict as JSON")
    command.set_defaults(run=verify)


def verify(options: argparse.Namespace, flags: list[str]) -> int:
    """Print the verdict; the exit status is 1 if anything is damaged."""
    from jaxac.store import verify as checking
    from jaxac.sweep import again
    from jaxac.sweep.progress import si

    flag_words.none_left(flags)
    top = Path(options.dir)
    folders = [top, *sorted(x.parent for x in top.glob(f"{again.FOLDER}/*/manifest.json"))]
    verdicts = {str(folder): checking.verify(folder) for folder in folders}
    if options.json:
        print(json.dumps({k: dataclasses.asdict(v) for k, v in verdicts.items()}, indent=1))
    for folder, found in {} if options.json else verdicts.items():
        state = "damaged" if found.problems else "sound"
        print(f"{folder}: {state}; {found.files} files, {si(found.bytes)}B, {found.chunks} chunks")
        for problem in found.problems:
            print(f"  {problem}")
        if found.unknown:
            print(f"  not checked, as no table comes from them: {', '.join(found.unknown)}")
    damaged = [folder for folder, found in verdicts.items() if found.problems]
    if damaged and not options.json:
        print("\nAnd now:", *(f"  jaxac resume {folder}" for folder in damaged), sep="\n")
    return 1 if damaged else 0
