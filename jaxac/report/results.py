"""From a run directory to data: `jaxac.load(DIR)`."""

import functools
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from jaxac.errors import StoreError
from jaxac.report import figures, tables
from jaxac.store import files, shards
from jaxac.store.rundir import RunDirectory
from jaxac.sweep.spec import names

KEYS = ["config", "seed", "step"]


class Results:
    """What a sweep has found so far. Everything is read from the run directory, checksums and all.

    In a notebook it shows itself as its table.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        directory = RunDirectory.open(self.path)
        self.manifest = directory.manifest
        self._runs = directory.ledger.runs()
        self._chunks = directory.ledger.chunks()
        self.seconds = {
            "compile": directory.ledger.seconds("compile"),
            "run": directory.ledger.seconds("chunks"),
        }
        directory.close()

    @functools.cached_property
    def wide(self) -> pd.DataFrame:
        """One row per run and evaluation: config, seed, step, and a column per metric.

        Raises `StoreError` naming the first shard that is missing or damaged.
        """
        parts = [
            shards.decode(files.read(self.path / c.shard, c.shard_sha256), c.shard)
            for c in self._chunks
        ]
        runs = pd.DataFrame(
            [(r.run, r.config, r.seed) for r in self._runs], columns=["run", "config", "seed"]
        )
        if not parts:
            return pd.DataFrame(columns=KEYS)
        rows = pa.concat_tables(parts, promote_options="default").to_pandas()
        rows = rows.merge(runs, on="run").drop(columns=["run", "chunk"])
        metrics = sorted(set(rows) - set(KEYS))
        return rows.sort_values(KEYS, ignore_index=True)[[*KEYS, *metrics]]

    def frame(self) -> pd.DataFrame:
        """Every metric in long form: config, seed, step (env steps), metric, value."""
        wide = self.wide
        if wide.empty:
            return pd.DataFrame(columns=[*KEYS, "metric", "value"])
        long = wide.melt(KEYS, var_name="metric", value_name="value").dropna(subset=["value"])
        return long.sort_values([*KEYS, "metric"], ignore_index=True)

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
        if metric not in self.wide and not self.wide.empty:
            known = ", ".join(m for m in self.wide if m not in KEYS)
            raise StoreError(f"{self.path} has no metric {metric!r}; it has {known}")
        frame, configs, status = self.frame(), self.configs, self.status
        if "env" not in configs:
            return tables.rank(frame, configs, status, metric)
        ranked = []
        for _, some in configs.groupby("env", sort=False):
            numbers = some.index.tolist()
            here = frame.loc[frame["config"].isin(numbers)]
            states = status.loc[status.index.isin(numbers, level="config")]
            ranked.append(tables.rank(here, some, states, metric))
        return pd.concat(ranked, ignore_index=True)

    def plot(
        self,
        folder: str | Path | None = None,
        metric: str = "eval_return",
        top: int = 5,
        suffix: str = "png",
    ) -> list[Path]:
        """Draw learning curves, and sensitivity if something was swept; returns the paths.

        They go into `folder`, by default the run directory; `suffix` is png, pdf or svg.
        """
        folder = self.path if folder is None else Path(folder)
        with files.explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        sweep = self.manifest["sweep"]
        title = " on ".join(names(sweep[k]) for k in ("algorithm", "env"))
        frame, configs, table = self.frame(), self.configs, self.table(metric)
        paths = [folder / f"{name}.{suffix}" for name in ("learning_curves", "sensitivity")]
        with files.explained(folder):
            figures.learning_curves(frame, configs, table, paths[0], title, top, metric)
            if configs.empty:
                return paths[:1]
            figures.sensitivity(frame, configs, paths[1], title, metric, self.status)
        return paths

    def hp(self, config: int) -> dict[str, Any]:
        """All hyper-parameters of a configuration, as plain data."""
        return self.manifest["configs"][config]["hp"]

    def __repr__(self) -> str:
        done = sum(r.status in ("done", "stopped", "diverged") for r in self._runs)
        return f"Results({str(self.path)!r}, {done}/{len(self._runs)} runs)"

    def _repr_markdown_(self) -> str:
        return tables.render(self.table(), "md")


def load(path: str | Path) -> Results:
    """The results in a run directory, of a sweep that may still be running.

    Raises `StoreError` if the folder is no run directory.
    """
    return Results(path)
