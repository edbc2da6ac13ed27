"""SQL over a run directory gives what the frames give, and reaches nothing else."""

import shutil

import pytest

import jaxac
from jaxac.errors import ReportError, StoreError
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

pytest.importorskip("duckdb")
SWEEP = Sweep(
    algorithm="tests.sweep.tiny:RECORD",
    env="probe/ConstantReward",
    total_steps=100,
    evaluations=5,
    seeds=2,
    sampler="grid",
    space={"learning_rate": [0.1, 0.2], "width": [2, 3]},
)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return jaxac.run(SWEEP, tmp_path_factory.mktemp("sql") / "it's a run", Quiet(), workers=0)


def test_rows_are_those_of_the_frame(results):
    found = results.sql("select * exclude (run, chunk) from metrics order by config, seed, step")
    assert found[list(results.wide)].equals(results.wide)


def test_tables_join(results):
    found = results.sql(
        "select c.learning_rate, count(*) as n, max(m.step) as last, min(r.status) as status "
        "from metrics m join configs c on c.config = m.config "
        "join runs r on r.run = m.run group by 1 order by 1"
    )
    assert found.to_dict("list") == {
        "learning_rate": [0.1, 0.2],
        "n": [20, 20],
        "last": [100, 100],
        "status": ["done", "done"],
    }
    assert results.sql("select count(*) as n, sum(seconds) > 0 as took from chunks").n[0] == 10


@pytest.mark.parametrize(
    "text", ["select * from nothing", "selec 1", "select * from read_csv('/etc/hostname')"]
)
def test_a_query_that_does_not_work_says_why_and_which_tables_there_are(results, text):
    with pytest.raises(ReportError, match=r"the tables are metrics, runs, configs, chunks"):
        results.sql(text)


def test_a_query_writes_nothing(results, tmp_path):
    with pytest.raises(ReportError, match="disabled"):
        results.sql(f"copy runs to '{tmp_path}/out.csv'")
    with pytest.raises(ReportError):
        results.sql("set enable_external_access = true")


def test_a_damaged_shard_is_named(results, tmp_path):
    shutil.copytree(results.path, tmp_path / "run")
    shard = next((tmp_path / "run/metrics").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    with pytest.raises(StoreError, match=shard.name):
        jaxac.load(tmp_path / "run").sql("select 1")
