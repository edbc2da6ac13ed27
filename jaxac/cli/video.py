"""`jaxac video`: what a trained policy does, as a file to look at."""

import argparse
import shlex

from jaxac import modules
from jaxac.cli import flags as flag_words
from jaxac.cli.policy import add_choice, tell
from jaxac.cli.report import positive_number
from jaxac.errors import ConfigError


def add(commands) -> None:
    """Add the command."""
    command = commands.add_parser(
        "video",
        help="show a trained policy as .gif or .mp4, or a strip of pictures",
        description="Show what the best run of a run directory has learned: its newest checkpoint "
        "plays fresh episodes. A policy that `jaxac policy` exported does so too. With --env NAME "
        "--random, look at an environment without training.",
        epilog="An environment's params are flags, as in --env.gravity 12; with --random only.",
        allow_abbrev=False,
    )
    command.add_argument(
        "dir", metavar="DIR", nargs="?", help="a run directory, or an exported policy"
    )
    command.add_argument(
        "--out", metavar="FILE", help=".gif, .mp4 or .png (default: run-<number>.gif in DIR)"
    )
    add_choice(command)
    command.add_argument("--env", metavar="NAME", help="an environment, instead of DIR")
    command.add_argument("--random", action="store_true", help="random actions, with --env")
    flag_words.add_wrap_option(command)
    command.add_argument(
        "--episodes", type=positive_number, default=1, metavar="K", help="how many (default 1)"
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="which episodes (default 0)"
    )
    command.add_argument(
        "--sample", action="store_true", help="sample actions; the mode by default"
    )
    command.add_argument(
        "--fps",
        type=positive_number,
        metavar="N",
        help="frames per second (default: 5 to 30 by length)",
    )
    command.add_argument(
        "--strip", metavar="FILE", help="write a strip of pictures, .png; with --out both"
    )
    command.add_argument(
        "--frames",
        type=positive_number,
        default=8,
        metavar="N",
        help="pictures in a strip (default 8)",
    )
    command.add_argument(
        "--max-frames",
        type=positive_number,
        default=1000,
        metavar="N",
        help="steps of an episode that are shown at most (default 1000)",
    )
    command.add_argument("--plain", action="store_true", help="no caption above the pictures")
    command.add_argument("--quiet", action="store_true", help="no progress")
    flag_words.add_import_option(command)
    command.set_defaults(run=video)


def video(options: argparse.Namespace, flags: list[str]) -> int:
    """Play, draw and write; then say where the files are, what was paid, and what to do next."""
    _give_back(options, flags)
    _check(options, flags)
    modules.load(options.modules)
    from pathlib import Path

    from jaxac.report import movie
    from jaxac.report import video as filming

    paths = [Path(x) for x in (options.out, options.strip) if x is not None]
    for path in paths:
        movie.check_path(path)
    if options.strip and paths[-1].suffix.lower() != ".png":
        raise ConfigError("strip", f"{options.strip} is not .png; --out writes the others")
    env, act, params, name = _random(options, flags) if options.env else _trained(options)
    with filming.progress(f"playing {env.name}", None, options.quiet):
        film = filming.frames(
            env, act, params, options.seed, options.episodes, options.max_frames, options.plain
        )
    for i, episode in enumerate(film.episodes, 1):
        words = f"return {episode.returns[-1]:.6g}, {len(episode)} steps, {episode.end}"
        more = "; --max-frames shows more" if episode.end == "cut" else ""
        print(f"  episode {i}: {words}{more}")
    for path in paths or [filming.folder_of(options.dir or ".") / f"{name}.gif"]:
        film.save(path, options.fps, options.frames, options.quiet)
        print(path)
    print(f"\nAnd now:\n  {_next_command(options, name)}")
    return 0


def _give_back(options: argparse.Namespace, flags: list[str]) -> None:
    """Where argparse took the 12 of `--env.gravity 12` for DIR, put it back."""
    if options.env is None or options.dir is None:
        return
    for i, flag in enumerate(flags, 1):
        has_value = "=" in flag or (i < len(flags) and not flags[i].startswith("--"))
        if flag.startswith("--") and not has_value:
            flags.insert(i, options.dir)
            options.dir = None
            return


def _check(options: argparse.Namespace, flags: list[str]) -> None:
    """Raise `ConfigError` for options that do not go together."""
    if options.env is None:
        flag_words.none_left(flags)
        for word in ("random", "wrap"):
            if getattr(options, word):
                raise ConfigError(word, "this goes with --env NAME; a run has its own environment")
        if options.dir is None:
            raise ConfigError("DIR", "name a run directory, or say --env NAME --random")
        return
    if options.dir is not None:
        raise ConfigError("env", f"{options.dir} has its own environment; leave one of them out")
    if not options.random:
        raise ConfigError("env", "there is no policy for it; say --random, or name a run directory")
    for word, value in (("run", options.number), ("config", options.config)):
        if value is not None:
            raise ConfigError(word, "this goes with a run directory")


def _trained(options: argparse.Namespace):
    """The policy of a run, after saying which one it is."""
    from pathlib import Path

    from jaxac.report.policy import load_policy

    policy = load_policy(options.dir, options.number, options.config, options.sample)
    about = policy.about
    tell(about, options.dir)
    if about.env_steps < about.total_steps and Path(options.dir).is_dir():
        print(f"  `jaxac resume {options.dir}` goes on with the training")
    return policy.env, policy.act, policy.params, f"run-{about.run}"


def _random(options: argparse.Namespace, flags: list[str]):
    """Random actions in an environment with the params that flags name."""
    from jaxac import registry
    from jaxac.envs.params import set_env_params
    from jaxac.report.policy import random_policy

    others, env_params = flag_words.parse(flags)
    for name in others:
        raise ConfigError(name, "unknown argument; params of the environment are --env.NAME")
    env = registry.make_env(options.env, options.wrap)
    params = set_env_params(env.params, env_params)
    print(f"random actions in {options.env}")
    return env, random_policy(env), params, f"{env.name.replace('/', '-')}-random"


def _next_command(options: argparse.Namespace, name: str) -> str:
    """A command that a person would want next."""
    if options.env:
        return shlex.join(["jaxac", "train", "ppo", "--env", options.env])
    again = ["jaxac", "video", options.dir, "--run", name.removeprefix("run-")]
    if options.strip or (options.out or "").endswith(".png"):
        return shlex.join([*again, "--sample", "--seed", str(options.seed + 1)])
    from jaxac.report.video import folder_of

    return shlex.join([*again, "--out", str(folder_of(options.dir) / f"{name}.png")])
