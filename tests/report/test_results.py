"""What a run directory of several environments and conditional fields is drawn and analysed as."""

import dataclasses

import pytest

import jaxac
from jaxac import registry
from jaxac.errors import RegistryError, StoreError
from jaxac.fields import Choice, LogUniform, Uniform
from jaxac.report import figures, importance, parallel
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep

ENVS = ["probe/ConstantReward", "probe/ObservedValue"]
PRODUCT = Sweep(
    algorithm="tests.sweep.tiny:RECORD",
    env=ENVS,
    total_steps=20,
    evaluations=1,
    configs=4,
    space={
        "learning_rate": {"low": 0.01, "high": 1.0, "log": True},
        "surge": {"low": 0.0, "high": 3.0, "when": {"env": ENVS[1]}},
    },
)
KINDS = ("learning_curves", "sensitivity", "parallel_coordinates")


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    return jaxac.run(PRODUCT, tmp_path_factory.mktemp("results") / "run", Quiet())


@pytest.fixture(scope="module")
def listed(tmp_path_factory):
    points = [{"learning_rate": 0.5}, {"learning_rate": 0.2, "surge": 1.0}, {"surge": 2.0}]
    sweep = dataclasses.replace(PRODUCT, env=ENVS[0], space={}, configs=[*points, {"surge": 0.0}])
    return jaxac.run(sweep, tmp_path_factory.mktemp("listed") / "run", Quiet())


@pytest.fixture
def drawn(monkeypatch):
    """`(configs, path, title)` of each picture, none of which is drawn."""
    kept = []
    for home, name, at in (
        (figures, "learning_curves", (1, 3, 4)),
        (figures, "sensitivity", (1, 2, 3)),
        (parallel, "parallel_coordinates", (1, 2, 3)),
    ):
        monkeypatch.setattr(
            home, name, lambda *given, at=at: kept.append(tuple(given[i] for i in at))
        )
    return kept


def test_each_environment_has_pictures_of_its_own_and_its_own_axes(product, drawn, tmp_path):
    paths = product.plot(tmp_path, suffix="svg")
    names = [f"{kind}-probe-ConstantReward.svg" for kind in KINDS[:2]]
    names += [f"{kind}-probe-ObservedValue.svg" for kind in KINDS]
    assert [path.name for path in paths] == names
    assert [path for _, path, _ in drawn] == paths
    for configs, path, title in drawn:
        first = "Constant" in path.name
        assert title == f"tests.sweep.tiny:RECORD on {ENVS[not first]}"
        assert list(configs) == (["learning_rate"] if first else ["learning_rate", "surge"])
        assert configs.index.tolist() == ([0, 1, 2, 3] if first else [4, 5, 6, 7])


def test_pictures_of_one_environment_keep_their_names(listed, tmp_path):
    paths = listed.plot(tmp_path / "new")
    assert [path.name for path in paths] == [f"{kind}.png" for kind in KINDS]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_importance_is_that_of_each_environment(product):
    table = product.importance()
    assert table["env"].tolist() == [ENVS[0], ENVS[1], ENVS[1]]
    assert table["hyperparameter"].iloc[0] == "learning_rate" and table["importance"].iloc[0] > 0.9
    assert set(table["hyperparameter"].iloc[1:]) == {"learning_rate", "surge"}
    assert (table["configs"] == 4).all()


def test_importance_weighs_axes_as_the_sweep_declares_them(product, monkeypatch):
    given = []
    monkeypatch.setattr(importance, "importance", lambda *args: given.append(args[-1]))
    product.importance()
    expected = {"learning_rate": LogUniform(0.01, 1.0), "surge": Uniform(0.0, 3.0)}
    assert given == [expected]
    product.manifest["sweep"]["space"]["width"] = [2, 4]
    product.importance()
    assert given[1] == expected | {"width": Choice((2, 4))}


def test_importance_needs_no_algorithm_that_is_gone(product, monkeypatch):
    def gone(key):
        raise RegistryError(f"there is no algorithm {key!r}")

    monkeypatch.setattr(registry, "defaults", gone)
    assert len(product.importance()) == 3


def test_points_that_leave_a_field_out_have_its_default_in_importance(listed, monkeypatch):
    given = []
    monkeypatch.setattr(importance, "importance", lambda *args: given.append(args[1]))
    listed.importance()
    (configs,) = given
    assert configs["learning_rate"].tolist() == [0.5, 0.2, 0.1, 0.1]
    assert configs["surge"].tolist() == [0.0, 1.0, 2.0, 0.0]
    assert listed.configs["surge"].isna().sum() == 1, "the results themselves stay as they are"


@pytest.mark.parametrize("report", ["table", "importance", "plot"])
def test_an_unknown_metric_is_refused_by_every_report(listed, report):
    with pytest.raises(StoreError, match=r"no metric 'reward'; it has .*eval_return"):
        getattr(listed, report)(metric="reward")
