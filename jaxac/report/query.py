"""SQL over a run directory: DuckDB reads the columns and rows that a query asks for."""

import json
from pathlib import Path
from typing import Any

import pandas as pd

from jaxac.errors import ReportError
from jaxac.store import files
from jaxac.store.ledger import Chunk

COMMAND = 'python -m pip install "jaxac[sql]"'
_METRICS = """
create view metrics as
select r.config, r.seed, m.* exclude (filename)
from read_parquet({names}, filename = true, union_by_name = true) as m
join chunks as c on m.filename = c.file and m.chunk = c.chunk
join runs as r on m.run = r.run
"""


def query(
    text: str, path: Path, chunks: list[Chunk], runs: pd.DataFrame, configs: pd.DataFrame
) -> pd.DataFrame:
    """The answer to a query over the tables `metrics`, `runs`, `configs` and `chunks`.

    Every shard's seal is checked before. A query reads nothing outside the run directory. Raises
    `StoreError` for a damaged shard, `ReportError` for a query that does not work or without the
    package duckdb.
    """
    duckdb = _load()
    located = [(files.inside(path, c.shard), c) for c in chunks]
    for file, seal in {file: c.shard_seal for file, c in located}.items():
        files.check(file, seal, files.MOST)
    tables = {
        "runs": runs,
        "configs": configs.reset_index().map(_plain),
        "chunks": pd.DataFrame(
            [(c.batch, c.chunk, c.env_steps, c.seconds, str(file)) for file, c in located],
            columns=["batch", "chunk", "env_steps", "seconds", "file"],
        ),
    }
    try:
        with duckdb.connect() as db:
            for name, table in tables.items():
                db.register(f"given_{name}", table)
                db.execute(f"create table {name} as select * from given_{name}")
            names = [str(file).replace("'", "''") for file in dict.fromkeys(f for f, _ in located)]
            if names:
                listed = ", ".join(f"'{name}'" for name in names)
                folder = str(path / "metrics").replace("'", "''")
                db.execute(f"set allowed_directories = ['{folder}']")
                db.execute(_METRICS.format(names=f"[{listed}]"))
            db.execute("set enable_external_access = false")
            db.execute("set lock_configuration = true")
            return db.execute(text).df()
    except duckdb.Error as error:
        known = ", ".join(["metrics", *tables] if chunks else tables)
        raise ReportError(f"{error} (the tables are {known})") from error


def _plain(value: Any) -> Any:
    """A swept value as DuckDB keeps it: operators and lists as JSON."""
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def _load() -> Any:
    try:
        import duckdb
    except ImportError as error:
        raise ReportError(f"SQL needs the package duckdb, which is not there; {COMMAND}") from error
    return duckdb
