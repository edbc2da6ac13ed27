import dataclasses

import pytest

import jaxac
from jaxac.errors import SweepError
from jaxac.sweep import again
from jaxac.sweep.progress import Quiet

from .test_run import SPACE, SWEEP, StopAfter


def test_the_best_configuration_is_trained_again_on_seeds_that_chose_nothing(tmp_path):
    results = jaxac.run(SWEEP, tmp_path / "run", Quiet())
    (report,) = again.report(results, 4, Quiet())
    best = results.configs.loc[results.table()["config"].iloc[0]]
    assert report.configs.loc[0].to_dict() == best.to_dict()
    assert sorted(s for _, s in report.status.index) == [3, 4, 5, 6]
    assert not {s for _, s in report.status.index} & {s for _, s in results.status.index}
    assert report.path.parent == results.path / "report"
    assert again.report(results, 4, Quiet())[0].wide.equals(report.wide), "it is there already"


def test_each_algorithm_on_each_environment_has_a_best_of_its_own(tmp_path):
    envs = ["probe/ConstantReward", "probe/ObservedValue"]
    sweep = dataclasses.replace(SWEEP, env=envs, scheduler={"op": "Halving", "rungs": 2})
    results = jaxac.run(sweep, tmp_path / "run", Quiet())
    reports = again.report(results, 2, Quiet())
    assert [r.manifest["tasks"][0][1] for r in reports] == envs
    for report in reports:
        assert set(report.configs) == set(SPACE) and len(report.status) == 2
        assert set(report.status) == {"done"}


def test_a_sweep_without_a_finished_run_has_no_best(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        jaxac.run(SWEEP, tmp_path / "run", StopAfter(1))
    with pytest.raises(SweepError, match="has finished, so none is the best"):
        again.report(jaxac.load(tmp_path / "run"), 2, Quiet())
