"""From a run directory to data: `jaxac.load(DIR)`."""

import contextlib
import functools
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from jaxac.errors import DamageError, RegistryError, StoreError
from jaxac.fields import Search
from jaxac.report import figures, importance, parallel, query, tables
from jaxac.store import files, rundir
from jaxac.store.rundir import RunDirectory
from jaxac.sweep.configs import task_space
from jaxac.sweep.spec import held_sweep, names

KEYS = ["config", "seed", "step"]


class Results:
    """What a sweep has found so far. Everything is read from the run directory, checksums and all.

    In a notebook it shows itself as its table.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        directory = RunDirectory.open(self.path)
        with files.understood(self.path):
            proposed = [c for leg in directory.ledger.legs() for c in leg["configs"]]
            configs = [*directory.manifest["configs"], *proposed]
            self.manifest = {**directory.manifest, "configs": configs}
            _check_words(self.manifest)
        self._runs = directory.ledger.runs()
        self._chunks = directory.ledger.chunks()
        self.seconds = {
            "compile": directory.ledger.seconds("compile"),
            "run": directory.ledger.seconds("chunks"),
            "states": directory.ledger.seconds("states"),
        }
        self.compiles = directory.ledger.count("compile")
        directory.close()

    @property
    def env_steps(self) -> int:
        """Environment steps that were trained, over all runs."""
        directory = RunDirectory.open(self.path)
        sizes = {number: len(x["runs"]) for number, x in directory.ledger.batches().items()}
        directory.close()
        return sum(sizes[c.batch] * c.env_steps // (c.chunk + 1) for c in self._chunks)

    @functools.cached_property
    def wide(self) -> pd.DataFrame:
        """One row per run and evaluation: config, seed, step, and a column per metric.

        Raises `StoreError` naming the first shard that is missing or damaged.
        """
        return self._rows()

    def _rows(self, metrics: list[str] | None = None) -> pd.DataFrame:
        """`wide`, or some of its metrics alone, which is sooner read."""
        columns = None if metrics is None else ["run", "chunk", "step", *metrics]
        parts = [table for _, table in rundir.read_rows(self.path, self._chunks, columns)]
        runs = pd.DataFrame(
            {k: [getattr(r, k) for r in self._runs] for k in ("run", "config", "seed")}
        )
        if not parts:
            return pd.DataFrame(columns=KEYS)
        rows = pa.concat_tables(parts, promote_options="default").to_pandas()
        rows = rows.merge(runs, on="run").drop(columns=["run", "chunk"])
        names = sorted(set(rows) - set(KEYS))
        return rows.sort_values(KEYS, ignore_index=True)[[*KEYS, *names]]

    def frame(self) -> pd.DataFrame:
        """Every metric in long form: config, seed, step (env steps), metric, value."""
        return _long(self.wide)

    def sql(self, text: str) -> pd.DataFrame:
        """The answer to an SQL query, for which no more is read than it needs.

        Tables are `metrics` (config, seed, run, chunk, step, a column per metric), `runs`,
        `configs` and `chunks`. Needs the extra `sql`. Raises as `jaxac.report.query.query`.
        """
        runs = pd.DataFrame([row._asdict() for row in self._runs])
        while True:
            try:
                return query.query(text, self.path, self._chunks, runs, self.configs)
            except DamageError:
                moved = rundir.moved(self.path, self._chunks)
                if moved == self._chunks:
                    raise
                self._chunks = moved  # a sweep that goes on has merged shards meanwhile

    @property
    def configs(self) -> pd.DataFrame:
        """One row per configuration, one column per swept hyper-parameter."""
        rows = [c["swept"] for c in self.manifest["configs"]]
        return pd.DataFrame(rows, index=pd.RangeIndex(len(rows), name="config"), dtype=object)

    @property
    def status(self) -> pd.Series:
        """pending, running, done, stopped or diverged, by (config, seed)."""
        index = pd.MultiIndex.from_tuples(
            [(r.config, r.seed) for r in self._runs], names=["config", "seed"]
        )
        return pd.Series([r.status for r in self._runs], index=index, name="status", dtype=object)

    @property
    def diverged(self) -> pd.DataFrame:
        """Who diverged: config, seed, the env step, and the first metric that went wrong."""
        rows = [
            (r.config, r.seed, r.diverged_step, r.diverged_metric)
            for r in self._runs
            if r.diverged_step is not None
        ]
        return pd.DataFrame(rows, columns=["config", "seed", "step", "metric"])

    def table(self, metric: str = "eval_return") -> pd.DataFrame:
        """Configurations ranked by the interquartile mean of a metric at the end of training.

        Those on one environment are ranked among themselves, one environment after another.
        """
        parts = tables.by_env(self._frame_of(metric), self.configs, self.status)
        ranked = [
            tables.rank(frame, configs, status, metric) for _, frame, configs, status in parts
        ]
        return pd.concat(ranked, ignore_index=True)

    def importance(self, metric: str = "eval_return") -> pd.DataFrame:
        """The share of the variance of final scores that each swept hyper-parameter explains.

        As `jaxac.report.importance`, on each environment by itself; axes are weighed as the sweep
        drew them. Needs the extra `optuna`. Raises `ReportError` without it, or where there is too
        little to analyse.
        """
        frame, configs = self._frame_of(metric), self.configs
        if isinstance(self.manifest["sweep"]["configs"], list):
            configs = _with_defaults(configs, list(map(self.hp, configs.index.tolist())))
        return importance.importance(frame, configs, self.status, metric, self._searches())

    def plot(
        self,
        folder: str | Path | None = None,
        metric: str = "eval_return",
        top: int = 5,
        suffix: str = "png",
    ) -> list[Path]:
        """Draw learning curves, sensitivity, and parallel coordinates; returns the paths.

        Sensitivity is drawn if something was swept, parallel coordinates if two hyper-parameters
        were. Each of several environments has pictures of its own, named after it. They go into
        `folder`, by default the run directory; `suffix` is png, pdf or svg.
        """
        whole = self._frame_of(metric)
        folder = self.path if folder is None else Path(folder)
        with files.explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        sweep = self.manifest["sweep"]
        paths = []
        for env, frame, configs, status in tables.by_env(whole, self.configs, self.status):
            title = f"{names(sweep['algorithm'])} on {env or names(sweep['env'])}"
            end = f"-{files.file_name(env)}.{suffix}" if env else f".{suffix}"
            if env:  # what is swept on other environments alone is no axis here
                configs = configs.drop(columns="env").dropna(axis="columns", how="all")
            kinds = ("learning_curves", "sensitivity", "parallel_coordinates")
            kinds = kinds[: 1 + min(2, len(configs.columns))]
            here = [folder / f"{kind}{end}" for kind in kinds]
            table = tables.rank(frame, configs, status, metric)
            with files.explained(folder):
                figures.learning_curves(frame, configs, table, here[0], title, top, metric)
                if len(here) > 1:
                    figures.sensitivity(frame, configs, here[1], title, metric, status)
                if len(here) > 2:
                    parallel.parallel_coordinates(
                        frame, configs, here[2], title, metric, status, top
                    )
            paths += here
        return paths

    def hp(self, config: int) -> dict[str, Any]:
        """All hyper-parameters of a configuration, as plain data."""
        return self.manifest["configs"][config]["hp"]

    def _frame_of(self, metric: str) -> pd.DataFrame:
        """`frame` of one metric alone."""
        rows = self.wide if "wide" in vars(self) else self._rows([metric])
        if rows.empty:
            return _long(rows)
        if metric not in rows:
            known = ", ".join(m for m in self.wide if m not in KEYS)
            raise StoreError(f"{self.path} has no metric {metric!r}; it has {known}")
        return _long(rows.filter([*KEYS, metric]))

    def _searches(self) -> dict[str, Search]:
        """The ranges that the sweep drew its points from, by the columns of `configs`."""
        found: dict[str, Search] = {}
        for task in range(len(self.manifest["tasks"])):
            # an algorithm that is not there (any more) leaves its axes to be judged by their values
            with contextlib.suppress(RegistryError):
                sweep = held_sweep(self.manifest, self.path)
                found |= {name: axis.search for name, axis in task_space(sweep, task).axes.items()}
        return found

    def __repr__(self) -> str:
        done = sum(r.status in ("done", "stopped", "diverged") for r in self._runs)
        return f"Results({str(self.path)!r}, {done}/{len(self._runs)} runs)"

    def _repr_markdown_(self) -> str:
        return tables.render(self.table(), "md")


def _long(wide: pd.DataFrame) -> pd.DataFrame:
    if wide.empty:
        return pd.DataFrame(columns=[*KEYS, "metric", "value"])
    long = wide.melt(KEYS, var_name="metric", value_name="value").dropna(subset=["value"])
    return long.sort_values([*KEYS, "metric"], ignore_index=True)


def _with_defaults(configs: pd.DataFrame, hps: list[dict[str, Any]]) -> pd.DataFrame:
    """Points given one by one, where fields that some leave out have the values they had there."""

    def value(path: str, found: Any) -> Any:
        for part in path.split("."):
            found = found.get(part, float("nan")) if isinstance(found, dict) else float("nan")
        return found

    filled = configs.copy()
    for name in configs:
        lacking = [isinstance(x, float) and math.isnan(x) for x in configs[name]]
        cells = zip(configs[name], lacking, hps, strict=True)
        filled[name] = pd.Series(
            [value(str(name), hp) if gone else x for x, gone, hp in cells], configs.index, object
        )
    return filled


def _check_words(manifest: dict[str, Any]) -> None:
    """Raise a `KeyError` or a `TypeError` unless a manifest says what a sweep's does."""
    sweep = manifest["sweep"]
    for word in ("algorithm", "env", "seeds", "total_steps", "configs", "fixed", "env_params"):
        _ = sweep[word]
    for config in manifest["configs"]:
        _ = config["hp"], config["swept"].keys(), manifest["tasks"][config["task"]]


def load(path: str | Path) -> Results:
    """The results in a run directory, of a sweep that may still be running.

    Raises `StoreError` if the folder is no run directory.
    """
    return Results(path)
