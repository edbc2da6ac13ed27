"""What a sweep is: an algorithm, an environment, a space, seeds; from TOML or Python."""

import dataclasses
import importlib.resources
import itertools
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxac import config, registry
from jaxac.core import field, frozen
from jaxac.envs.params import set_env_params
from jaxac.envs.wrappers import words as wrapper_words
from jaxac.errors import SweepError, closest
from jaxac.sweep import space as spaces
from jaxac.sweep.schedulers.role import Everything, Scheduler

MAX_RUNS = 1_000_000
MAX_STEPS = 10**11


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
                raise SweepError(f"{word}: {getattr(self, word)!r} is not a string")
        for word in ("fixed", "space", "env_params"):
            if not isinstance(getattr(self, word), Mapping):
                raise SweepError(f"[{word}] is not a table")
        if self.sampler not in (*spaces.SAMPLERS, "grid"):
            near = closest(self.sampler, (*spaces.SAMPLERS, "grid"))
            raise SweepError(f"sampler: there is no {self.sampler!r}{near}")
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
            raise SweepError(f'wrappers: {self.wrappers!r} is not a list such as ["TimeAware"]')
        object.__setattr__(self, "wrappers", wrapper_words.plain(self.wrappers))
        object.__setattr__(self, "scheduler", config.to_json(_scheduler(self.scheduler)))

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
    def hash(self) -> str:
        """Sixteen hexadecimal digits; `name` and `lanes` change no result and do not count.

        Nor do words that came later where they say nothing, so that older sweeps keep their hash.
        """
        without = {"name", "lanes"}
        without |= set() if self.wrappers else {"wrappers"}
        without |= {"scheduler"} if isinstance(self.chosen_scheduler, Everything) else set()
        return config.stable_hash({k: v for k, v in self.to_json().items() if k not in without})


@dataclasses.dataclass(frozen=True)
class Config:
    """One row of the table: hyper-parameters and environment params, and what was swept."""

    task: int  # in `Sweep.tasks`
    hp: Any
    env_params: Any
    swept: dict[str, Any]


def from_toml(path: str | Path) -> Sweep:
    """Read a sweep file; `quickstart` and other bare names are files that ship with jaxac."""
    shipped = importlib.resources.files("jaxac.sweeps")
    names = sorted(x.name[:-5] for x in shipped.iterdir() if x.name.endswith(".toml"))
    if str(path) in names:
        text, source = shipped.joinpath(f"{path}.toml").read_text(), str(path)
    else:
        source = str(path)
        try:
            text = Path(path).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise SweepError(
                f"cannot read the sweep file {source}: {_reason(error)}; "
                f"shipped with jaxac: {', '.join(names)}"
            ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SweepError(f"{source} is not valid TOML: {error}") from error
    return from_words({"name": Path(source).stem, **data}, source)


def from_words(data: Mapping[str, Any], source: str) -> Sweep:
    """A sweep from a mapping with a sweep file's words. Raises `SweepError` naming `source`."""
    known = {f.name: f for f in dataclasses.fields(Sweep)}
    for word in data:
        if word not in known:
            raise SweepError(f"{source}: unknown word {word!r}{closest(word, known)}")
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


def configs(sweep: Sweep, env_params: Sequence[Any]) -> list[Config]:
    """Every configuration, task by task; `env_params` are the defaults of each task's environment.

    Raises `ConfigError` for a field that is unknown, wrong or out of range anywhere in the space,
    `SweepError` for a contradiction.
    """
    of_tasks = zip(range(len(sweep.tasks)), env_params, strict=True)
    found = [config for task, params in of_tasks for config in _of_task(sweep, task, params)]
    _check_size(sweep, len(found))
    return found


def _of_task(sweep: Sweep, task: int, env_params: Any) -> list[Config]:
    algorithm, env = sweep.tasks[task]
    base = registry.defaults(algorithm)
    if sweep.tuned:
        base = config.configure(base, _tuned(algorithm, env))
    base = config.configure(base, {"total_steps": sweep.total_steps, **sweep.fixed})
    found = _axes(sweep, base)
    constants = {k: v for k, v in sweep.env_params.items() if f"env.{k}" not in found}
    task_names = {"algorithm": algorithm, "env": env}
    known = {**sweep.fixed, **task_names}
    spaces.check_conditions(found, known)
    several = {k: v for k, v in task_names.items() if not isinstance(getattr(sweep, k), str)}

    def made(point: spaces.Point) -> Config:
        own = {k: v for k, v in point.items() if not k.startswith("env.")}
        of_env = {k[4:]: v for k, v in point.items() if k.startswith("env.")}
        params = set_env_params(env_params, {**constants, **of_env})
        swept = {**several, **{k: config.to_json(v) for k, v in point.items()}}
        return Config(task, config.configure(base, own), params, swept)

    return [made(point) for point in _sample(sweep, found, known)]


def axes(sweep: Sweep, task: int) -> dict[str, spaces.Axis]:
    """The axes of a task's space, with `env.<param>` for those of the environment."""
    return _axes(sweep, registry.defaults(sweep.tasks[task][0]))


def _axes(sweep: Sweep, base: Any) -> dict[str, spaces.Axis]:
    declared = {f.path: f for f in config.fields(base)}
    found: dict[str, spaces.Axis] = {}
    for path, data in sweep.space.items():
        info = declared.get(path)
        found[path] = spaces.parse_axis(f"space.{path}", data, info.meta.search if info else None)
    for name, data in sweep.env_params.items():
        if isinstance(data, bool) or not isinstance(data, int | float):
            found[f"env.{name}"] = spaces.parse_axis(f"env_params.{name}", data, None)
    return found


def _sample(sweep: Sweep, axes: Mapping[str, Any], known: spaces.Point) -> list[spaces.Point]:
    if sweep.points is not None:
        return list(map(dict, sweep.points))
    assert isinstance(sweep.configs, int | None)
    is_grid = sweep.sampler == "grid"
    _check_size(sweep, spaces.grid_size(axes) if is_grid else sweep.configs or 1)
    if is_grid:
        points = spaces.grid(axes, known)
        if sweep.configs not in (None, len(points)):
            raise SweepError(
                f"configs = {sweep.configs}, but this grid has {len(points)} points; leave it out"
            )
        return points
    numbered = [name for name, axis in axes.items() if axis.num is not None]
    if numbered:
        raise SweepError(f"num belongs to a grid, but the sampler is {sweep.sampler}")
    if axes and sweep.configs is None:
        raise SweepError(f"configs is missing: how many points should {sweep.sampler} draw?")
    if not axes and (sweep.configs or 1) > 1:
        raise SweepError(f"configs = {sweep.configs}, but [space] is empty: they would be equal")
    return spaces.draw(axes, sweep.sampler, sweep.configs or 1, sweep.sampler_seed, known)


def _check_size(sweep: Sweep, count: int) -> None:
    runs = count * len(sweep.seed_list)
    if runs > MAX_RUNS:
        raise SweepError(f"{runs:,} runs are more than the {MAX_RUNS:,} that one sweep may hold")


def _tuned(algorithm: str, env: str) -> dict[str, Any]:
    settings = registry.tuned(algorithm, env)
    if settings is None:
        raise SweepError(
            f"tuned = true, but no settings ship for {algorithm} on {env}; leave it out"
        )
    return {k: v for k, v in settings.items() if k != "total_steps"}


def names(value: Any) -> str:
    """One name or several, in words."""
    return value if isinstance(value, str) else ", ".join(value or ())


def _names(word: str, value: Any) -> str | tuple[str, ...]:
    """One name, or several that differ."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not names:
        raise SweepError(f"{word}: {value!r} is neither a name nor a list of names")
    for name in names:
        if not isinstance(name, str):
            raise SweepError(f"{word}: {name!r} is not a string")
    if len(set(names)) < len(names):
        raise SweepError(f"{word}: the list names one twice")
    return value if isinstance(value, str) else tuple(names)


def _listed(points: Sequence[Any], space: Any) -> tuple[dict[str, Any], ...]:
    """Points that are given one by one."""
    if space:
        raise SweepError("configs lists the points, so [space] has nothing to say; keep one")
    for point in points:
        if not isinstance(point, Mapping):
            raise SweepError(f"configs: {point!r} is not a table of names and values")
    if not points:
        raise SweepError("configs: the list is empty")
    return tuple({k: config.to_json(v) for k, v in sorted(point.items())} for point in points)


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8 text"


def _whole(word: str, value: Any, least: int, most: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SweepError(f"{word}: {value!r} is not a whole number of at least {least}")
    if most is not None and value > most:
        raise SweepError(f"{word}: {value} is more than {most}")


def _seeds(seeds: Any) -> tuple[int, ...]:
    if isinstance(seeds, list | tuple | range):
        if len(seeds) > MAX_RUNS:
            raise SweepError(f"seeds: {len(seeds):,} are more than the {MAX_RUNS:,} of one sweep")
        for seed in seeds:
            _whole("seeds", seed, 0)
        if not seeds or len(set(seeds)) < len(seeds):
            raise SweepError("seeds: the list is empty or names a seed twice")
        written = tuple(seeds)
    else:
        _whole("seeds", seeds, 1, MAX_RUNS)
        written = tuple(range(seeds))
    if max(written) >= 2**32:
        raise SweepError(f"seeds: {max(written)} is not below 2^32")
    return written
