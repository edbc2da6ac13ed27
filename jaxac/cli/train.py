"""`jaxac train`: one configuration, several seeds."""

import argparse
import sys

from jaxac.cli import flags as flag_words

DEFAULT_STEPS = 500_000


def add(commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "train",
        help="train one configuration on several seeds",
        description="Train one configuration on several seeds, all in one program. Settings tuned "
        "for the environment are applied where they ship; explicit flags win over them.",
        epilog="Every hyper-parameter is a flag too: --learning-rate 1e-3 --surrogate.low 0.1 "
        "--credit NStep --env.gravity 12. `jaxac show ALGORITHM` lists them.",
        allow_abbrev=False,
    )
    command.add_argument("algorithm", metavar="ALGORITHM")
    command.add_argument("--env", required=True, help="`jaxac envs` lists them")
    flag_words.add_wrap_option(command)
    command.add_argument("--seeds", type=int, default=1, metavar="K", help="how many (default 1)")
    command.add_argument("--seed", type=int, default=0, metavar="N", help="the first (default 0)")
    command.add_argument(
        "--total-steps", type=int, metavar="N", help="environment steps of each seed"
    )
    command.add_argument(
        "--evaluations", type=int, default=20, metavar="N", help="about how many (default 20)"
    )
    command.add_argument(
        "--plain", action="store_true", help="plain defaults instead of the tuned settings"
    )
    flag_words.add_run_options(command)
    command.set_defaults(run=train)


def train(options: argparse.Namespace, flags: list[str]) -> int:
    """Train, then print the returns."""
    from jaxac import registry
    from jaxac.cli import shown
    from jaxac.sweep.spec import Sweep

    fixed, env_params = flag_words.parse(flags)
    settings = None if options.plain else registry.tuned(options.algorithm, options.env)
    steps = options.total_steps
    if steps is None:
        steps = (settings or {}).get("total_steps", DEFAULT_STEPS)
    sweep = Sweep(
        algorithm=options.algorithm,
        env=options.env,
        total_steps=steps,
        seeds=range(options.seed, options.seed + options.seeds) or options.seeds,
        evaluations=options.evaluations,
        tuned=settings is not None,
        lanes=options.lanes,
        name=f"{options.algorithm}-{options.env}",
        fixed=fixed,
        env_params=env_params,
        wrappers=options.wrap,
    )
    if settings:
        words = ", ".join(f"{k} = {v}" for k, v in settings.items())
        note = f"settings tuned for {options.env}: {words} (--plain leaves them out)"
        print(note, file=sys.stderr if options.quiet else sys.stdout)
    return shown.run(sweep, options, shown.seeds)
