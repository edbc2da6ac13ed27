"""Names to algorithms and environments; nothing is imported before it is used.

A package of yours registers with entry points in its own pyproject.toml, without touching jaxac:

    [project.entry-points."jaxac.algorithms"]
    my_method = "my_package:RECORD"          # a jaxac.record.Record
    [project.entry-points."jaxac.environments"]
    MyTask-v0 = "my_package:make_my_task"    # () -> jaxac.envs.Env

and anything importable is also named directly, as `my_module:RECORD` or `my_module:make_my_task`.
"""

import dataclasses
import functools
import importlib
import importlib.metadata
import importlib.resources
import tomllib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from jaxac import modules
from jaxac.errors import EnvError, RegistryError, closest
from jaxac.plain import check_name, shown
from jaxac.record import Record, Study

if TYPE_CHECKING:
    from jaxac.core import Algorithm
    from jaxac.envs.contract import Env

FAMILIES = ("jaxac.algos.on_policy", "jaxac.algos.off_policy", "jaxac.algos.evolution")
THEORY = ("jaxac.algos.tabular",)
SUITES = {
    "brax": "jaxac.envs.adapters.brax",
    "classic": "jaxac.envs.classic",
    "craftax": "jaxac.envs.adapters.craftax",
    "gymnax": "jaxac.envs.adapters.gymnax",
    "jaxmarl": "jaxac.envs.adapters.jaxmarl",
    "jumanji": "jaxac.envs.adapters.jumanji",
    "memory": "jaxac.envs.memory",
    "minatar": "jaxac.envs.minatar",
    "mjx": "jaxac.envs.mjx",
    "navix": "jaxac.envs.adapters.navix",
    "pgx": "jaxac.envs.adapters.pgx",
    "pixel": "jaxac.envs.pixels",
    "playground": "jaxac.envs.adapters.playground",
    "probe": "jaxac.envs.probes",
    "tabular": "jaxac.algos.tabular.env",
    "xminigrid": "jaxac.envs.adapters.xminigrid",
}


@functools.cache
def _installed(group: str) -> tuple[importlib.metadata.EntryPoint, ...]:
    """What installed packages offer; looking through them all takes tens of milliseconds."""
    return tuple(importlib.metadata.entry_points(group=group))


def records() -> dict[str, Record]:
    """Every registered algorithm by key: jaxac's own, then those of installed packages."""
    found = {r.key: r for family in FAMILIES for r in importlib.import_module(family).RECORDS}
    for point in _installed("jaxac.algorithms"):
        found[point.name] = _record(point.value)
    return found


def studies() -> dict[str, Study]:
    """Every method that is a function of a known process, by key; none of them takes an env."""
    return {s.key: s for family in THEORY for s in importlib.import_module(family).STUDIES}


def record(key: str) -> Record:
    """The algorithm `key`, or `module:ATTRIBUTE`. Raises `RegistryError` with the closest keys."""
    check_name(key, "algorithm")
    if ":" in key:
        return _record(key)
    found = records()
    if key not in found:
        raise RegistryError(f"there is no algorithm {shown(key)}{closest(key, found)}")
    return found[key]


def _record(name: str) -> Record:
    found = modules.attribute(name, "algorithm")
    if not isinstance(found, Record):
        raise RegistryError(
            f"algorithm {name} is a {type(found).__name__}, not a jaxac.record.Record"
        )
    return found


def defaults(key: str) -> Any:
    """The algorithm's plain default hyper-parameters."""
    return modules.attribute(record(key).defaults, "defaults")()


def make_algorithm(key: str, env: "Env") -> "Algorithm":
    """The pure functions of algorithm `key` on `env`.

    Raises `EnvError` if the algorithm cannot act in the environment's action space, or the
    environment has several agents.
    """
    found = record(key)
    if env.num_agents is not None:
        raise EnvError(
            f"{key} trains one agent, but {env.name} has {env.num_agents} agents, each with an "
            "observation, an action and a reward of its own; take an environment of one agent"
        )
    kind = type(env.action_space).__name__
    if kind not in found.actions:
        able = [k for k, r in records().items() if kind in r.actions]
        raise EnvError(
            f"{key} takes {' or '.join(found.actions)} actions, but {env.name} has "
            f"{env.action_space}; use {', '.join(able)}"
        )
    return modules.attribute(found.make, "make")(env)


def tuned(key: str, env_name: str) -> dict[str, Any] | None:
    """Settings that ship for the algorithm on this environment: a flat table, or None."""
    found = record(key)
    if not found.tuned:
        return None
    package, _, file = found.tuned.partition(":")
    text = importlib.resources.files(package).joinpath(file).read_text()
    return tomllib.loads(text).get(env_name.rpartition("/")[2])


def env_ids() -> Iterator[tuple[str, str]]:
    """`(suite, name)` of every environment that can be made by name; no suite, if installed."""
    for suite, module in SUITES.items():
        yield from ((suite, name) for name in importlib.import_module(module).ids())
    for point in _installed("jaxac.environments"):
        yield "", point.name


def make_env(name: str, wrappers: Iterable[Any] = ()) -> "Env":
    """The environment `suite/Name`, a bare `Name` that one suite has, or `module:function`.

    `wrappers` change it in order, the first nearest to it: objects, names (`"TimeAware"`), tables
    (`{"op": "FrameStack", "num": 2}`) or calls (`"FrameStack(num=2)"`). Raises `RegistryError` for
    an unknown name (with the closest ones), or an ambiguous one, `ConfigError` for an unknown
    wrapper and `EnvError` for one that does not fit.
    """
    from jaxac.envs.wrap import wrap
    from jaxac.envs.wrappers import words

    return wrap(_unwrapped(name), *words.parse(wrappers))


def _unwrapped(name: str) -> "Env":
    check_name(name, "env")
    if ":" in name:
        return _env(name)
    for point in _installed("jaxac.environments"):
        if point.name == name:
            return _env(point.value)
    suite, slash, rest = name.partition("/")
    if slash:
        if suite not in SUITES:
            raise RegistryError(
                f"there is no environment suite {shown(suite)}{closest(suite, SUITES)}"
            )
        return importlib.import_module(SUITES[suite]).make(rest)
    known = list(env_ids())
    suites = [s for s, n in known if n == name]
    if len(suites) > 1:
        raise RegistryError(f"{name} is in several suites; say {suites[0]}/{name}")
    if not suites:
        near = closest(name, [n for _, n in known])
        raise RegistryError(f"there is no environment {shown(name)}{near}")
    return importlib.import_module(SUITES[suites[0]]).make(name)


def _env(name: str) -> "Env":
    from jaxac.envs.contract import Env

    found = modules.attribute(name, "environment")
    try:
        env = found() if callable(found) else found
    except TypeError as error:
        raise RegistryError(f"environment {name} must take no arguments: {error}") from error
    if not isinstance(env, Env):
        raise RegistryError(
            f"environment {name} gives a {type(env).__name__}, not a jaxac.envs.Env"
        )
    return env


def as_dict(r: Record | Study) -> dict[str, Any]:
    """A record as plain data, for `--json`."""
    return dataclasses.asdict(r)
