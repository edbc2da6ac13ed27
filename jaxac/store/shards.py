"""Metric shards: one Parquet file per chunk of a lane batch, one row per run."""

import io
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from jaxac.errors import StoreError


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
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def decode(data: bytes, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """The table of a shard, or those of its `columns` that it has.

    Raises `StoreError` naming `name` if it is no Parquet file.
    """
    try:
        return pq.ParquetFile(pa.BufferReader(data)).read(columns, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"{name} is not a Parquet file: {error}") from error
