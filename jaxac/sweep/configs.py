"""Configurations: from the points of a sweep's space to hyper-parameters."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from jaxac import config, registry
from jaxac.envs.params import set_env_params
from jaxac.errors import SweepError
from jaxac.sweep import space as spaces
from jaxac.sweep.schedulers.role import Proposer
from jaxac.sweep.spec import MAX_RUNS, Sweep


@dataclasses.dataclass(frozen=True)
class Config:
    """One row of the table: hyper-parameters and environment params, and what was swept."""

    task: int  # in `Sweep.tasks`
    hp: Any
    env_params: Any
    swept: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class TaskSpace:
    """The space of a sweep for one of its tasks."""

    sweep: Sweep
    task: int
    base: Any  # hyper-parameters that all its configurations have in common
    axes: spaces.Axes  # `env.<param>` are those of the environment

    @property
    def known(self) -> dict[str, Any]:
        """What a condition of an axis may ask for besides other axes."""
        return {**self.sweep.fixed, **self.names}

    @property
    def names(self) -> dict[str, str]:
        """Of algorithm and environment."""
        return dict(zip(("algorithm", "env"), self.sweep.tasks[self.task], strict=True))

    def config(self, point: spaces.Point, env_params: Any) -> Config:
        """The configuration at a point; `env_params` are the environment's own.

        Raises `ConfigError` for a value that is wrong or out of range.
        """
        own = {k: v for k, v in point.items() if not k.startswith("env.")}
        of_env = {k[4:]: v for k, v in point.items() if k.startswith("env.")}
        constants = {k: v for k, v in self.sweep.env_params.items() if f"env.{k}" not in self.axes}
        params = set_env_params(env_params, {**constants, **of_env})
        several = {
            k: v for k, v in self.names.items() if not isinstance(getattr(self.sweep, k), str)
        }
        swept = {**several, **{k: config.to_json(v) for k, v in point.items()}}
        return Config(self.task, config.configure(self.base, own), params, swept)

    def points(self) -> list[spaces.Point]:
        """The points that the sweep begins with. Raises `SweepError` for a contradiction."""
        sweep, axes = self.sweep, self.axes
        spaces.check_conditions(axes, self.known)
        if sweep.points is not None:
            return list(map(dict, sweep.points))
        assert isinstance(sweep.configs, int | None)
        is_grid = sweep.sampler == "grid"
        _check_size(sweep, spaces.grid_size(axes) if is_grid else sweep.configs or 1)
        if is_grid:
            points = spaces.grid(axes, self.known)
            if sweep.configs not in (None, len(points)):
                raise SweepError(
                    f"configs = {sweep.configs}, but this grid has {len(points)} points; leave it "
                    "out"
                )
            return points
        for name, axis in axes.items():
            if axis.num is not None:
                raise SweepError(f"{name}.num belongs to a grid; the sampler is {sweep.sampler}")
        if axes and sweep.configs is None:
            raise SweepError(f"configs is missing: how many points should {sweep.sampler} draw?")
        if not axes and (sweep.configs or 1) > 1:
            raise SweepError(
                f"configs = {sweep.configs}, but [space] is empty: they would be equal"
            )
        count, scheduler = sweep.configs or 1, sweep.chosen_scheduler
        if isinstance(scheduler, Proposer):
            count = min(count, scheduler.batch)
        return spaces.draw(axes, sweep.sampler, count, sweep.sampler_seed, self.known)


def task_space(sweep: Sweep, task: int) -> TaskSpace:
    """The space of a task, by its number in `Sweep.tasks`.

    Raises `ConfigError` for a field that is unknown, wrong or out of range, `SweepError` for an
    axis that is none.
    """
    algorithm, env = sweep.tasks[task]
    base = registry.defaults(algorithm)
    if sweep.tuned:
        base = config.configure(base, _tuned(algorithm, env))
    base = config.configure(base, {"total_steps": sweep.total_steps, **sweep.fixed})
    declared = {f.path: f for f in config.fields(base)}
    axes: dict[str, spaces.Axis] = {}
    for path, data in sweep.space.items():
        info = declared.get(path)
        axes[path] = spaces.parse_axis(f"space.{path}", data, info.meta.search if info else None)
    for name, data in sweep.env_params.items():
        if isinstance(data, bool) or not isinstance(data, int | float):
            axes[f"env.{name}"] = spaces.parse_axis(f"env_params.{name}", data, None)
    return TaskSpace(sweep, task, base, axes)


def configs(sweep: Sweep, env_params: Sequence[Any]) -> list[Config]:
    """Every configuration, task by task; `env_params` are the defaults of each task's environment.

    Raises `ConfigError` for a field that is unknown, wrong or out of range anywhere in the space,
    `SweepError` for a contradiction.
    """
    of_tasks = [task_space(sweep, task) for task in range(len(sweep.tasks))]
    found = [
        space.config(point, params)
        for space, params in zip(of_tasks, env_params, strict=True)
        for point in space.points()
    ]
    _check_size(sweep, sweep.num_configs or len(found))
    return found


def _check_size(sweep: Sweep, count: int) -> None:
    runs = count * len(sweep.seed_list)
    if runs > MAX_RUNS:
        raise SweepError(
            f"configs times seeds make {runs:,} runs, more than the {MAX_RUNS:,} of one sweep"
        )


def _tuned(algorithm: str, env: str) -> dict[str, Any]:
    settings = registry.tuned(algorithm, env)
    if settings is None:
        raise SweepError(
            f"tuned = true, but no settings ship for {algorithm} on {env}; leave it out"
        )
    return {k: v for k, v in settings.items() if k != "total_steps"}
