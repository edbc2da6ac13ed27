"""The plan of a sweep: tasks, configurations, groups of equal structure, chunks, memory."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac import registry
from jaxac.core import Algorithm, replace
from jaxac.envs.contract import Env
from jaxac.sweep import configs as configuring
from jaxac.sweep import device
from jaxac.sweep.configs import Config, task_space
from jaxac.sweep.spec import Sweep

CPU_LANES = 16  # widest lane batch on a CPU: wider gains nothing there
ACCELERATOR_LANES = 1024


@dataclasses.dataclass(frozen=True)
class Task:
    """An algorithm on an environment."""

    names: tuple[str, str]
    algorithm: Algorithm
    env: Env


@dataclasses.dataclass(frozen=True)
class Run:
    """One row of the table: one configuration with one seed."""

    id: int
    config: int
    seed: int


@dataclasses.dataclass(frozen=True)
class Group:
    """Runs that share a compiled program."""

    id: int
    task: int
    runs: tuple[int, ...]
    width: int  # lanes of its widest batches
    num_chunks: int
    num_updates: int  # per chunk
    env_steps: int  # of one run in one chunk
    lane_bytes: int  # state of one lane, as a checkpoint holds it
    shared: dict[str, Any]  # swept values that all its runs have in common

    @property
    def num_batches(self) -> int:
        """Lane batches, if all its runs train together."""
        return math.ceil(len(self.runs) / self.width)


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a sweep is made of. `configs[i].hp.num_updates` is set to its group's.

    Which of its runs train, and how far, is the scheduler's business.
    """

    sweep: Sweep
    tasks: tuple[Task, ...]
    configs: tuple[Config, ...]
    groups: tuple[Group, ...]

    @property
    def num_runs(self) -> int:
        """Rows of the table."""
        return len(self.configs) * len(self.sweep.seed_list)

    @property
    def num_configs(self) -> int:
        """Configurations at the end of the sweep; `configs` has less while some are awaited."""
        return self.sweep.num_configs or len(self.configs)

    @property
    def env_steps(self) -> int:
        """Environment steps of training, if every run goes to its end.

        Configurations that are awaited count as those that are there do.
        """
        known = sum(len(g.runs) * g.num_chunks * g.env_steps for g in self.groups)
        return known * self.num_configs // len(self.configs)

    def run(self, number: int) -> Run:
        """The run of a number: seeds fastest."""
        config, seed = divmod(number, len(self.sweep.seed_list))
        return Run(number, config, self.sweep.seed_list[seed])

    @functools.cached_property
    def group_of(self) -> dict[int, Group]:
        """The group of each run."""
        return {run: group for group in self.groups for run in group.runs}


def make_plan(sweep: Sweep) -> Plan:
    """Plan a sweep; checks everything that can be checked without compiling.

    Raises `SweepError`, `ConfigError`, `RegistryError` or `EnvError`.
    """
    envs = {name: registry.make_env(name, sweep.wrappers) for _, name in sweep.tasks}
    tasks = tuple(
        Task((key, name), registry.make_algorithm(key, envs[name]), envs[name])
        for key, name in sweep.tasks
    )
    return _planned(sweep, tasks, configuring.configs(sweep, [task.env.params for task in tasks]))


def extended(plan: Plan, points: Sequence[tuple[int, dict[str, Any]]]) -> Plan:
    """The plan with further configurations: for each its task, and its point of the space.

    What was there keeps its number and its width. Raises `ConfigError` as `make_plan` does.
    """
    if not points:
        return plan
    spaces = [task_space(plan.sweep, task) for task in range(len(plan.tasks))]
    fresh = [spaces[task].config(point, plan.tasks[task].env.params) for task, point in points]
    made = _planned(plan.sweep, plan.tasks, [*plan.configs, *fresh])
    groups = [
        dataclasses.replace(group, width=plan.groups[i].width) if i < len(plan.groups) else group
        for i, group in enumerate(made.groups)
    ]
    return dataclasses.replace(made, groups=tuple(groups))


def _planned(sweep: Sweep, tasks: tuple[Task, ...], configs: Sequence[Config]) -> Plan:
    by_structure: dict[Any, list[int]] = {}
    for i, config in enumerate(configs):
        by_structure.setdefault(_structure(config), []).append(i)
    groups, planned = [], list(configs)
    for members in by_structure.values():
        first = configs[members[0]]
        algorithm = tasks[first.task].algorithm
        one_update = algorithm.env_steps(replace(first.hp, num_updates=1))
        num_chunks, num_updates = chunks(sweep, one_update)
        for i in members:
            hp = replace(configs[i].hp, num_updates=num_updates)
            planned[i] = dataclasses.replace(configs[i], hp=hp)
        seeds = range(len(sweep.seed_list))
        runs = tuple(i * len(seeds) + j for i in members for j in seeds)
        groups.append(
            Group(
                len(groups),
                first.task,
                runs,
                even_width(len(runs), sweep.lanes or default_lanes()),
                num_chunks,
                num_updates,
                one_update * num_updates,
                _lane_bytes(algorithm, planned[members[0]]),
                _shared(configs, members) if len(by_structure) > 1 else {},
            )
        )
    return Plan(sweep, tasks, tuple(planned), tuple(groups))


def with_widths(plan: Plan, widths: Sequence[int]) -> Plan:
    """The plan with these lanes in its groups' widest batches."""
    groups = zip(plan.groups, widths, strict=True)
    made = tuple(dataclasses.replace(g, width=even_width(len(g.runs), w)) for g, w in groups)
    return dataclasses.replace(plan, groups=made)


def even_width(num_runs: int, most: int) -> int:
    """The width that splits runs most evenly into the fewest batches of at most `most` lanes."""
    return math.ceil(num_runs / math.ceil(num_runs / most))


def chunks(sweep: Sweep, steps_per_update: int) -> tuple[int, int]:
    """(chunks, updates per chunk) that reach `total_steps` with the least excess.

    A chunk ends with an evaluation; their number is near `evaluations`, between half and one and a
    half times as many.
    """
    updates = math.ceil(sweep.total_steps / steps_per_update)
    wanted = min(sweep.evaluations, updates)
    least, most = math.ceil(updates / (1.5 * wanted)), math.floor(updates / (0.5 * wanted))

    def cost(k):
        count = math.ceil(updates / k)
        return count * k - updates, abs(count - wanted)

    near = max(least, updates // wanted - 500), min(most, updates // wanted + 500)
    best = min(range(near[0], near[1] + 1), key=cost)
    return math.ceil(updates / best), best


def default_lanes() -> int:
    """The widest lane batch, where a sweep does not say."""
    return CPU_LANES if device.is_cpu() else ACCELERATOR_LANES


def _structure(config: Config) -> Any:
    hp = replace(config.hp, num_updates=1)  # which a plan sets itself
    return config.task, jax.tree.structure((hp, config.env_params)), type(hp)


def _lane_bytes(algorithm: Algorithm, config: Config) -> int:
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(algorithm.init, key, config.hp, config.env_params)
    return sum(math.prod(x.shape) * _itemsize(x.dtype) for x in jax.tree.leaves(state))


def _itemsize(dtype: Any) -> int:
    is_key = jnp.issubdtype(dtype, jax.dtypes.prng_key)
    return 8 if is_key else np.dtype(dtype).itemsize


def _shared(configs: Sequence[Config], members: list[int]) -> dict[str, Any]:
    """The swept values that all members have in common."""
    first, *rest = [configs[i].swept for i in members]
    return {k: v for k, v in first.items() if all(other.get(k) == v for other in rest)}


def lanes_of(plan: Plan, numbers: tuple[int, ...], width: int) -> tuple[Any, Any, np.ndarray]:
    """Stacked hyper-parameters, environment params and seeds [width] of runs as lanes.

    The last run fills up what they leave.
    """
    runs = [plan.run(numbers[min(i, len(numbers) - 1)]) for i in range(width)]
    rows = [plan.configs[r.config] for r in runs]
    hp = jax.tree.map(lambda *x: np.asarray(x, np.float32), *[row.hp for row in rows])
    env_params = jax.tree.map(
        lambda *x: np.stack([_array(v) for v in x]), *[r.env_params for r in rows]
    )
    return hp, env_params, np.asarray([r.seed for r in runs], np.uint32)


def _array(x: Any) -> np.ndarray:
    x = np.asarray(x)
    narrow = {"float64": np.float32, "int64": np.int32}.get(x.dtype.name, x.dtype)
    return x.astype(narrow)
