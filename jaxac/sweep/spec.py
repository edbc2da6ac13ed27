"""What a sweep is: an algorithm, an environment, a space, seeds; from TOML or Python."""

import dataclasses
import importlib.resources
import itertools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxac import config, modules, plain
from jaxac.core import field, frozen
from jaxac.envs.wrappers import words as wrapper_words
from jaxac.errors import RegistryError, SweepError, closest
from jaxac.store import recovery
from jaxac.sweep import space as spaces
from jaxac.sweep.schedulers.role import Everything, Proposer, Scheduler

MAX_RUNS = 1_000_000
MAX_STEPS = 10**11
MAX_AXES = 256
MAX_NAME = 200  # bytes: it becomes a folder
MAX_FILE = 64 * 2**20  # bytes of a sweep file


@frozen
class _Slot:
    scheduler: Scheduler = field(Everything(), "who trains on, and how far")


def _scheduler(value: Any) -> Scheduler:
    return config.configure(_Slot(), {"scheduler": config.numbers(value)}).scheduler


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A table of runs, in the words of a sweep file.

    `algorithm` and `env` are names, or lists of them: every algorithm then meets every environment,
    each pair with the same points. `seeds` is a count (0 .. seeds - 1) or a list; `fixed` and
    `space` map dotted hyper-parameter names to values and axes, `env_params` names of environment
    params to either. `configs` says how many points are drawn, or is the list of points itself,
    each a table of names and values (`env.<param>` for the environment's). The order of names does
    not matter: they are taken in alphabetical order. `wrappers` change the environment in the
    order they are listed, the first nearest to it: names, tables or objects, kept as tables with
    every field written out. `tuned` starts from the settings that ship for the environment instead
    of the plain defaults. Raises `SweepError` or `ConfigError` for anything unknown, out of range
    or contradictory.
    """

    algorithm: str | Sequence[str]
    env: str | Sequence[str]
    total_steps: int
    seeds: int | Sequence[int] = 1
    configs: int | Sequence[Mapping[str, Any]] | None = None  # by default the whole grid, or 1
    sampler: str = "sobol"  # grid | lhs | random | sobol
    sampler_seed: int = 0
    evaluations: int = 20
    tuned: bool = False
    scheduler: Any = "Everything"  # an operator of `jaxac.sweep.schedulers`
    lanes: int | None = None  # widest lane batch; by default what suits the device
    name: str = ""
    fixed: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    space: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    env_params: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    wrappers: Sequence[Any] = ()

    def __post_init__(self):
        for f in dataclasses.fields(self):
            if f.name != "seeds":
                plain.check(getattr(self, f.name), f.name, strict=True)
        _whole("total_steps", self.total_steps, 1, MAX_STEPS)
        for word, least in (("evaluations", 1), ("sampler_seed", 0)):
            _whole(word, getattr(self, word), least)
        if self.lanes is not None:
            _whole("lanes", self.lanes, 1)
        if isinstance(self.configs, list | tuple):
            object.__setattr__(self, "configs", _listed(self.configs, self.space))
        elif self.configs is not None:
            _whole("configs", self.configs, 1)
        for word in ("algorithm", "env"):
            object.__setattr__(self, word, _names(word, getattr(self, word)))
        for word in ("sampler", "name"):
            if not isinstance(getattr(self, word), str):
                raise SweepError(f"{word}: {plain.shown(getattr(self, word))} is not a string")
        if len(self.name.encode()) > MAX_NAME:
            raise SweepError(f"name: it has more than {MAX_NAME} bytes, and names a folder")
        if not isinstance(self.tuned, bool):
            raise SweepError(f"tuned: {plain.shown(self.tuned)} is not true or false")
        for word in ("fixed", "space", "env_params"):
            if not isinstance(getattr(self, word), Mapping):
                raise SweepError(f"[{word}] is not a table")
            if len(getattr(self, word)) > MAX_AXES:
                raise SweepError(f"[{word}] has more than {MAX_AXES} names")
        if self.sampler not in (*spaces.SAMPLERS, "grid"):
            near = closest(self.sampler, (*spaces.SAMPLERS, "grid"))
            raise SweepError(f"sampler: there is no {plain.shown(self.sampler)}{near}")
        listed = {name for point in self.points or () for name in point}
        for path in ("num_updates", "total_steps"):
            if path in self.fixed or path in self.space or path in listed:
                raise SweepError(
                    f"{path}: a sweep sets it itself, from total_steps and evaluations"
                )
        twice = sorted(set(self.fixed) & (set(self.space) | listed))
        if twice:
            where = "[space]" if twice[0] in self.space else "configs"
            raise SweepError(f"{twice[0]} is both in [fixed] and in {where}; keep one")
        object.__setattr__(self, "seeds", _seeds(self.seeds))
        for word in ("fixed", "space", "env_params"):
            table = {k: spaces.axis_words(v) for k, v in sorted(getattr(self, word).items())}
            object.__setattr__(self, word, table)
        if not isinstance(self.wrappers, list | tuple):
            given = plain.shown(self.wrappers)
            raise SweepError(f'wrappers: {given} is not a list such as ["TimeAware"]')
        object.__setattr__(self, "wrappers", wrapper_words.plain(self.wrappers))
        object.__setattr__(self, "scheduler", config.to_json(_scheduler(self.scheduler)))
        if isinstance(self.chosen_scheduler, Proposer):
            op = type(self.chosen_scheduler).__name__
            if not isinstance(self.configs, int) or not (self.space or self.env_params):
                raise SweepError(f"{op} proposes points: it needs a [space], and configs = N")
            if self.sampler == "grid":
                raise SweepError(f"{op} proposes points, so the sampler cannot be grid")

    @property
    def points(self) -> tuple[Mapping[str, Any], ...] | None:
        """The points, if they are given one by one."""
        return self.configs if isinstance(self.configs, tuple) else None

    @property
    def tasks(self) -> list[tuple[str, str]]:
        """Every pair of an algorithm and an environment, the environment fastest."""
        algorithms, envs = ([x] if isinstance(x, str) else x for x in (self.algorithm, self.env))
        return list(itertools.product(algorithms, envs))

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds, written out."""
        return tuple(self.seeds)  # pyright: ignore[reportArgumentType]

    def to_json(self) -> dict[str, Any]:
        """The sweep as plain data, every word written out."""
        return {f.name: config.to_json(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @property
    def chosen_scheduler(self) -> Scheduler:
        """The scheduler itself."""
        return _scheduler(self.scheduler)

    @property
    def num_configs(self) -> int | None:
        """All configurations of a sweep that draws some of them only as it goes."""
        if not isinstance(self.chosen_scheduler, Proposer):
            return None
        assert isinstance(self.configs, int)
        return len(self.tasks) * self.configs

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits; `name` and `lanes` change no result and do not count.

        Nor do words that came later where they say nothing, so that older sweeps keep their hash.
        """
        without = {"name", "lanes"}
        without |= set() if self.wrappers else {"wrappers"}
        without |= {"scheduler"} if isinstance(self.chosen_scheduler, Everything) else set()
        return config.stable_hash({k: v for k, v in self.to_json().items() if k not in without})


def from_toml(path: str | Path) -> Sweep:
    """Read a sweep file; `quickstart` and other bare names are files that ship with jaxac."""
    shipped = importlib.resources.files("jaxac.sweeps")
    names = sorted(x.name[:-5] for x in shipped.iterdir() if x.name.endswith(".toml"))
    if str(path) in names:
        text, source = shipped.joinpath(f"{path}.toml").read_text(), str(path)
    else:
        source = str(path)
        try:
            with open(path, "rb") as file:
                data = file.read(MAX_FILE + 1)
            if len(data) > MAX_FILE:
                raise ValueError(f"it has more than {MAX_FILE:,} bytes")
            text = data.decode()
        except (OSError, ValueError) as error:
            raise SweepError(
                f"cannot read the sweep file {plain.called(source)}: {_reason(error)}; "
                f"shipped with jaxac: {', '.join(names)}"
            ) from error
    try:
        data = plain.toml(text)
    except ValueError as error:
        raise SweepError(f"{source} is not valid TOML: {error}") from error
    return from_words({"name": Path(source).stem, **data}, source)


def from_words(data: Mapping[str, Any], source: str) -> Sweep:
    """A sweep from a mapping with a sweep file's words. Raises `SweepError` naming `source`."""
    known = {f.name: f for f in dataclasses.fields(Sweep)}
    for word in data:
        if word not in known:
            raise SweepError(f"{source}: unknown word {plain.shown(word)}{closest(word, known)}")
    missing = [
        k
        for k, f in known.items()
        if k not in data
        and f.default is dataclasses.MISSING
        and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SweepError(f"{source}: the word {missing[0]!r} is missing")
    try:
        return Sweep(**data)
    except SweepError as error:
        raise SweepError(f"{source}: {error}") from error


def held_sweep(manifest: Mapping[str, Any], path: Path) -> Sweep:
    """The sweep that a manifest in the folder `path` describes.

    Raises `RegistryError` if it names code that nobody has imported (`check_imported`).
    """
    held = manifest.get("sweep")
    if not isinstance(held, Mapping):
        raise SweepError(f"{path}/{recovery.MANIFEST} describes no sweep")
    plain.check(held, "sweep")
    words = config.numbers(held)
    if isinstance(words.get("wrappers"), list):
        words = {**words, "wrappers": wrapper_words.tables(words["wrappers"])}
    check_imported(words, path)
    envs = words.get("env")
    for env in map(str, envs if isinstance(envs, list) else [envs]):
        if env.startswith(("jaxac:", "jaxac.")) and not env.startswith("jaxac.envs."):
            raise RegistryError(f"{path}: {plain.shown(env)} is no environment")
    return from_words(words, f"{path}/{recovery.MANIFEST}")


def own_modules(words: Any) -> list[str]:
    """The modules of the user's own that a sweep's words name; its title names none."""
    if isinstance(words, Mapping):
        words = [value for word, value in words.items() if word != "name"]
    return sorted(modules.named(words))


def check_imported(words: Any, path: Path) -> None:
    """Raise `RegistryError` if words of the run directory `path` name code that is not imported.

    They import nothing but jaxac itself and what is installed under an entry point: whoever reads
    a run directory imports what else it names, if they trust it. Python's own library holds nothing
    that a sweep could name.
    """
    for module in own_modules(words):
        if module.partition(".")[0] in sys.stdlib_module_names:
            raise RegistryError(f"{path} names {module} of Python's library, where no method is")
        if module not in sys.modules:
            raise RegistryError(
                f"{path} names code in the module {module}, and a run directory imports none. If "
                f"you trust that module: `jaxac resume {path} --import {module}`, or "
                f"`import {module}` first in Python"
            )


def names(value: Any) -> str:
    """One name or several, in words."""
    return value if isinstance(value, str) else ", ".join(value or ())


def _names(word: str, value: Any) -> str | tuple[str, ...]:
    """One name, or several that differ."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise SweepError(f"{word}: {plain.shown(value)} is neither a name nor a list of names")
    for name in names:
        if not isinstance(name, str):
            raise SweepError(f"{word}: {plain.shown(name)} is not a string")
        plain.check_name(name, word)
    if len(set(names)) < len(names):
        raise SweepError(f"{word}: the list names one twice")
    return value if isinstance(value, str) else tuple(names)


def _listed(points: Sequence[Any], space: Any) -> tuple[dict[str, Any], ...]:
    """Points that are given one by one."""
    if space:
        raise SweepError("configs lists the points, so [space] has nothing to say; keep one")
    for point in points:
        if not isinstance(point, Mapping):
            raise SweepError(f"configs: {plain.shown(point)} is not a table of names and values")
    if not points:
        raise SweepError("configs: the list is empty")
    return tuple({k: config.to_json(v) for k, v in sorted(point.items())} for point in points)


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, UnicodeDecodeError):
        line = error.object.count(b"\n", 0, error.start) + 1
        return f"it is not UTF-8 text (at line {line})"
    return getattr(error, "strerror", None) or str(error)


def _whole(word: str, value: Any, least: int, most: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        given = plain.shown(value)
        raise SweepError(f"{word}: {given} is not a whole number of at least {least}")
    if most is not None and value > most:
        raise SweepError(f"{word}: {plain.shown(value)} is more than {most}")


def _seeds(seeds: Any) -> tuple[int, ...]:
    if isinstance(seeds, list | tuple | range):
        if len(seeds[: MAX_RUNS + 1]) > MAX_RUNS:  # the length of a range may fit no machine word
            raise SweepError(f"seeds: more than the {MAX_RUNS:,} of one sweep")
        for seed in seeds:
            _whole("seeds", seed, 0)
        if not seeds or len(set(seeds)) < len(seeds):
            raise SweepError("seeds: the list is empty or names a seed twice")
        written = tuple(seeds)
    else:
        _whole("seeds", seeds, 1, MAX_RUNS)
        written = tuple(range(seeds))
    if max(written) >= 2**32:
        raise SweepError(f"seeds: {plain.shown(max(written))} is not below 2^32")
    return written
