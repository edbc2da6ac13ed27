"""What a sweep is: an algorithm, an environment, a space, seeds; from TOML or Python."""

import dataclasses
import importlib.resources
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxac import config, registry
from jaxac.envs.params import set_env_params
from jaxac.envs.wrappers import words as wrapper_words
from jaxac.errors import SweepError, closest
from jaxac.sweep import space as spaces

MAX_RUNS = 1_000_000
MAX_STEPS = 10**11


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A table of runs, in the words of a sweep file.

    `seeds` is a count (0 .. seeds - 1) or a list; `fixed` and `space` map dotted hyper-parameter
    names to values and axes, `env_params` names of environment params to either. The order of names
    does not matter: they are taken in alphabetical order. `wrappers` change the environment in the
    order they are listed, the first nearest to it: names, tables or objects, kept as tables with
    every field written out. `tuned` starts from the settings that ship for the environment instead
    of the plain defaults. Raises `SweepError` or `ConfigError` for anything unknown, out of range
    or contradictory.
    """

    algorithm: str
    env: str
    total_steps: int
    seeds: int | Sequence[int] = 1
    configs: int | None = None  # by default the whole grid, or 1
    sampler: str = "sobol"  # grid | random | sobol
    sampler_seed: int = 0
    evaluations: int = 20
    tuned: bool = False
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
        for word in ("configs", "lanes"):
            if getattr(self, word) is not None:
                _whole(word, getattr(self, word), 1)
        for word in ("algorithm", "env", "sampler", "name"):
            if not isinstance(getattr(self, word), str):
                raise SweepError(f"{word}: {getattr(self, word)!r} is not a string")
        for word in ("fixed", "space", "env_params"):
            if not isinstance(getattr(self, word), Mapping):
                raise SweepError(f"[{word}] is not a table")
        if self.sampler not in (*spaces.SAMPLERS, "grid"):
            near = closest(self.sampler, (*spaces.SAMPLERS, "grid"))
            raise SweepError(f"sampler: there is no {self.sampler!r}{near}")
        for path in ("num_updates", "total_steps"):
            if path in self.fixed or path in self.space:
                raise SweepError(
                    f"{path}: a sweep sets it itself, from total_steps and evaluations"
                )
        twice = sorted(set(self.fixed) & set(self.space))
        if twice:
            raise SweepError(f"{twice[0]} is both in [fixed] and in [space]; keep one")
        object.__setattr__(self, "seeds", _seeds(self.seeds))
        for word in ("fixed", "space", "env_params"):
            table = {k: spaces.axis_words(v) for k, v in sorted(getattr(self, word).items())}
            object.__setattr__(self, word, table)
        if not isinstance(self.wrappers, list | tuple):
            raise SweepError(f'wrappers: {self.wrappers!r} is not a list such as ["TimeAware"]')
        object.__setattr__(self, "wrappers", wrapper_words.plain(self.wrappers))

    @property
    def seed_list(self) -> tuple[int, ...]:
        """The seeds, written out."""
        return tuple(self.seeds)  # pyright: ignore[reportArgumentType]

    def to_json(self) -> dict[str, Any]:
        """The sweep as plain data, every word written out."""
        return {f.name: config.to_json(getattr(self, f.name)) for f in dataclasses.fields(self)}

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits; `name` and `lanes` change no result and do not count.

        Nor do `wrappers` where there are none: sweeps from before that word keep their hash.
        """
        without = ("name", "lanes") if self.wrappers else ("name", "lanes", "wrappers")
        return config.stable_hash({k: v for k, v in self.to_json().items() if k not in without})


@dataclasses.dataclass(frozen=True)
class Config:
    """One row of the table: hyper-parameters and environment params, and what was swept."""

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


def configs(sweep: Sweep, env_params: Any) -> list[Config]:
    """Every configuration of the sweep, in order. `env_params` are the environment's defaults.

    Raises `ConfigError` for a field that is unknown, wrong or out of range anywhere in the space,
    `SweepError` for a contradiction.
    """
    base = registry.defaults(sweep.algorithm)
    if sweep.tuned:
        base = config.configure(base, _tuned(sweep))
    base = config.configure(base, {"total_steps": sweep.total_steps, **sweep.fixed})
    declared = {f.path: f for f in config.fields(base)}
    axes: dict[str, Any] = {}
    for path, data in sweep.space.items():
        info = declared.get(path)
        axes[path] = spaces.parse_axis(f"space.{path}", data, info.meta.search if info else None)
    constants = {}
    for name, data in sweep.env_params.items():
        if isinstance(data, int | float) and not isinstance(data, bool):
            constants[name] = data
        else:
            axes[f"env.{name}"] = spaces.parse_axis(f"env_params.{name}", data, None)
    points = _sample(sweep, axes)
    return [_config(base, env_params, constants, point) for point in points]


def _config(base: Any, env_params: Any, constants: dict, point: spaces.Point) -> Config:
    own = {k: v for k, v in point.items() if not k.startswith("env.")}
    of_env = {k[4:]: v for k, v in point.items() if k.startswith("env.")}
    swept = {k: config.to_json(v) for k, v in point.items()}
    params = set_env_params(env_params, {**constants, **of_env})
    return Config(config.configure(base, own), params, swept)


def _sample(sweep: Sweep, axes: Mapping[str, Any]) -> list[spaces.Point]:
    is_grid = sweep.sampler == "grid"
    count = spaces.grid_size(axes) if is_grid else sweep.configs or 1
    if count * len(sweep.seed_list) > MAX_RUNS:
        runs = count * len(sweep.seed_list)
        raise SweepError(f"{runs:,} runs are more than the {MAX_RUNS:,} that one sweep may hold")
    if is_grid:
        points = spaces.grid(axes)
        if sweep.configs not in (None, len(points)):
            raise SweepError(
                f"configs = {sweep.configs}, but this grid has {len(points)} points; leave it out"
            )
        return points
    if any(isinstance(axis, spaces.GridAxis) for axis in axes.values()):
        raise SweepError(f"num belongs to a grid, but the sampler is {sweep.sampler}")
    if axes and sweep.configs is None:
        raise SweepError(f"configs is missing: how many points should {sweep.sampler} draw?")
    if not axes and (sweep.configs or 1) > 1:
        raise SweepError(f"configs = {sweep.configs}, but [space] is empty: they would be equal")
    return spaces.SAMPLERS[sweep.sampler](axes, sweep.configs or 1, sweep.sampler_seed)


def _tuned(sweep: Sweep) -> dict[str, Any]:
    settings = registry.tuned(sweep.algorithm, sweep.env)
    if settings is None:
        raise SweepError(
            f"tuned = true, but no settings ship for {sweep.algorithm} on {sweep.env}; leave it out"
        )
    return {k: v for k, v in settings.items() if k != "total_steps"}


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
