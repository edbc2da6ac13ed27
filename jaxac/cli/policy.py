"""`jaxac policy`: what a run has learned, as one small file that acts without the run directory."""

import argparse
import json
import shlex

from jaxac.cli import flags as flag_words


def add(commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "policy",
        help="export a trained policy as one small file",
        description="Write the policy of the best run of a run directory, as its newest checkpoint "
        "has it, to one file that jaxac.load_policy and `jaxac video` take.",
        allow_abbrev=False,
    )
    command.add_argument("dir", metavar="DIR", help="a run directory")
    command.add_argument(
        "--out", metavar="FILE", help="the file (default: run-<number>.safetensors in DIR)"
    )
    add_choice(command)
    flag_words.add_import_option(command)
    command.set_defaults(run=export)


def add_choice(command: argparse.ArgumentParser) -> None:
    """Add the options that choose a run."""
    command.add_argument(
        "--run",
        dest="number",
        type=int,
        metavar="N",
        help="the run (default: the best final return)",
    )
    command.add_argument(
        "--config", type=int, metavar="N", help="choose the best run of this configuration"
    )


def export(options: argparse.Namespace, flags: list[str]) -> int:
    """Write the file; then say whose policy it holds, and how to act with it."""
    flag_words.none_left(flags)
    from pathlib import Path

    from jaxac import modules
    from jaxac.report import exported
    from jaxac.report.policy import load_policy

    modules.load(options.modules)
    policy = load_policy(options.dir, options.number, options.config)
    about = policy.about
    path = Path(options.out or Path(options.dir) / f"run-{about.run}{exported.SUFFIX}")
    size = policy.save(path)
    tell(about, options.dir)
    print(f"{path}  {size:,} bytes")
    print(f"\nAnd now:\n  {shlex.join(['python', '-c', _code(about, path)])}")
    return 0


def tell(about, path: str) -> None:
    """Print which run a policy is of, how far it was trained, and how well it did."""
    where = f"configuration {about.config}, seed {about.seed}"
    steps = f"{about.env_steps:,} of {about.total_steps:,} environment steps"
    print(f"run {about.run} of {path} ({where}) after {steps}")
    if about.eval_return is not None:
        print(f"  evaluation return {about.eval_return:.6g}")
    if about.diverged_step is not None:
        print(f"  it diverged at step {about.diverged_step:,}, {about.diverged_metric} first")


def _code(about, path) -> str:
    """Python that loads the policy and acts once."""
    from jaxac.report import exported

    words = json.dumps(str(path))
    if ":" in about.env:
        words += f", env={json.dumps(about.env)}"
    modules = sorted({"jax", "jaxac", *exported.foreign(about.algorithm, about.hp, about.wrappers)})
    return (
        f"import {', '.join(modules)}; policy = jaxac.load_policy({words}); "
        "_, obs = policy.env.reset(jax.random.key(0), policy.params); "
        "print(policy(jax.tree.map(lambda x: x[None], obs))[0])"
    )
