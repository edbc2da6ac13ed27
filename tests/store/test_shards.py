import numpy as np
import pytest

from jaxac.errors import StoreError
from jaxac.store import shards


def test_no_event_is_null_and_divergence_is_nan():
    metrics = {
        "finite": np.array([1.0, 0.0]),
        "episode_return": np.array([np.nan, np.nan]),
        "eval_return": np.array([2.5, np.inf]),
    }
    table = shards.decode(shards.encode([4, 9], 1, 600, metrics), "x")
    assert table["run"].to_pylist() == [4, 9]
    assert table["step"].to_pylist() == [600, 600]
    assert table["chunk"].to_pylist() == [1, 1]
    assert table["eval_return"].to_pylist() == [2.5, np.inf]
    null, nan = table["episode_return"].to_pylist()
    assert null is None and np.isnan(nan)


def test_equal_metrics_give_equal_bytes():
    metrics = {"finite": np.ones(2), "eval_return": np.array([0.1, 0.2])}
    again = dict(reversed(metrics.items()))
    assert shards.encode([0, 1], 0, 1, metrics) == shards.encode([0, 1], 0, 1, again)


def test_nonsense_is_named():
    with pytest.raises(StoreError, match=r"x\.parquet is not a Parquet file"):
        shards.decode(b"PAR1nonsense", "x.parquet")
