"""Metric shards: Parquet, one row per run and chunk of a lane batch.

A chunk's shard is written before the chunk is acknowledged; when a batch has ended, its shards are
merged into one. A run has as many rows as evaluations, however many steps it trains.
"""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxac.errors import StoreError

SUFFIX = ".parquet"
MOST_ROWS, MOST_BYTES = 10**8, 2**32  # of a shard when it is read, whatever it says of itself
_LONGEST_TEXT, _LONGEST_LIST = 2**26, 2**20  # in a file's own description of itself


def encode(runs: Sequence[int], chunk: int, step: int, metrics: dict[str, np.ndarray]) -> bytes:
    """Rows (run, chunk, step, metrics ...) as Parquet.

    A metric that had no event is null; NaN is kept where the run is not `finite`.
    """
    finite = metrics.get("finite", np.ones(len(runs))) > 0
    columns = {
        "run": pa.array(runs, pa.int32()),
        "chunk": pa.array(np.full(len(runs), chunk), pa.int32()),
        "step": pa.array(np.full(len(runs), step), pa.int64()),
    }
    for name, x in sorted(metrics.items()):
        columns[name] = pa.array(x, pa.float64(), mask=np.isnan(x) & finite)
    return _written(pa.table(columns))


def decode(data: bytes, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of a shard, or those of its `columns` that it has.

    Raises `StoreError` naming `name` if it is no Parquet file, or would be too large in memory.
    """
    try:
        file = pq.ParquetFile(
            pa.BufferReader(data),
            thrift_string_size_limit=_LONGEST_TEXT,
            thrift_container_size_limit=_LONGEST_LIST,
        )
        about = file.metadata
        if about.num_rows > MOST_ROWS or about.num_rows * about.num_columns * 8 > MOST_BYTES:
            raise StoreError(f"{name} is damaged: it says that it has {about.num_rows:,} rows")
        for field in file.schema_arrow:
            if not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type)):
                raise StoreError(f"{name} is damaged: {field.name[:40]!r} holds no numbers")
        return file.read(columns, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{name} is not a Parquet file: {error}") from error


def only(table: pa.Table, chunks: Sequence[int]) -> pa.Table:
    """The rows of some chunks; a shard may hold others, which were trained again since."""
    if set(table["chunk"].unique().to_pylist()) <= set(chunks):
        return table
    return table.filter(pa.array(np.isin(table["chunk"].to_numpy(), chunks)))


def merged(parts: Sequence[pa.Table]) -> bytes:
    """The rows of several shards as one."""
    return _written(pa.concat_tables(parts, promote_options="default"))


def _written(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()
