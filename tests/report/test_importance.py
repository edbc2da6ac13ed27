"""Functional ANOVA finds the shares that known functions have, and says when it cannot."""

import importlib
import importlib.metadata
import io
import json
import logging
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import qmc

from jaxac.errors import ReportError
from jaxac.fields import Choice, LogUniform, Uniform
from jaxac.report import importance as module
from jaxac.report.importance import explanation, importance, render

ROOT = Path(__file__).resolve().parents[2]
COUNT = 128
A, B, C, D = qmc.Sobol(4, rng=0).random(COUNT).T
KINDS = ["GAE", {"op": "NStep", "n": 5}, {"op": "NStep", "n": 20}, [64, 64]]


@pytest.fixture(autouse=True)
def few_trees(monkeypatch):
    """Enough for shares to two decimals or so, in a quarter of the time."""
    monkeypatch.setattr(module, "TREES", 16)


def frame_of(scores):
    """One seed a config; NaN for a run without a score."""
    rows = [(c, 0, 1, "eval_return", v) for c, v in enumerate(scores)]
    return pd.DataFrame(rows, columns=["config", "seed", "step", "metric", "value"])


def configs_of(**columns):
    data = {name: list(values) for name, values in columns.items()}
    index = pd.RangeIndex(len(next(iter(data.values()))), name="config")
    return pd.DataFrame(data, index=index, dtype=object)


def status_of(states):
    index = pd.MultiIndex.from_tuples([(c, 0) for c in range(len(states))])
    return pd.Series(list(states), index=index, dtype=object)


def shares(table):
    return dict(zip(table["hyperparameter"], table["importance"], strict=True))


@pytest.mark.parametrize(("count", "small"), [(32, 0.03), (256, 0.09)])
def test_the_shares_of_a_sum_are_those_of_its_variances(monkeypatch, count, small):
    """Of 3a + b the variance is 9/12 + 1/12; of few points a forest sees less of the small term."""
    monkeypatch.undo()
    a, b = qmc.Sobol(2, rng=0).random(count).T
    table = importance(frame_of(3.0 * a + b), configs_of(b=b, a=a, c=[1] * count))
    assert table["hyperparameter"].tolist() == ["a", "b", "c"]
    assert table["importance"].tolist() == pytest.approx([0.9, 0.1, 0.0], abs=0.08)
    assert table["importance"].tolist()[1] == pytest.approx(small, abs=0.006)
    assert 0.95 < table["importance"].sum() <= 1.0
    assert ((table["std"] > 0.0) & (table["std"] < 0.03))[:2].all()
    assert table["configs"].tolist() == [count] * 3 and table["diverged"].tolist() == [0] * 3


def test_interactions_are_nobodys_share():
    """Of (a - 1/2)(b - 1/2) neither main effect explains anything."""
    table = importance(frame_of((A - 0.5) * (B - 0.5)), configs_of(a=A, b=B))
    assert table["importance"].max() < 0.2


def test_values_over_decades_are_weighed_by_their_logarithm():
    """On a linear axis the topmost decade would be nine tenths, and its share 0.2."""
    found = importance(frame_of(3.0 * A + 3.0 * B), configs_of(rate=10.0 ** (3.0 * A - 5.0), b=B))
    assert shares(found) == pytest.approx({"rate": 0.5, "b": 0.5}, abs=0.03)


@pytest.mark.parametrize(
    ("search", "share"), [(LogUniform(1e-3, 1e-2), 0.5), (Uniform(1e-3, 1e-2), 0.42), (None, 0.42)]
)
def test_declared_ranges_say_how_an_axis_is_weighed(search, share):
    """A step at the middle of the decade: its variance is 1/4 on a log axis, else 0.24 * 0.76."""
    rate, score = 10.0 ** (A - 3.0), (A < 0.5) + 1.0 * (B < 0.5)
    space = {"rate": search} if search else None
    found = shares(importance(frame_of(score), configs_of(rate=rate, b=B), space=space))
    assert found["rate"] == pytest.approx(share, abs=0.02)


def test_a_declared_range_may_be_wider_or_narrower_than_the_values():
    """A step at 1/2 is a step at 3/4 of [-1, 1]: variance 3/16 instead of 4/16."""
    frame, configs = frame_of((A < 0.5) + 1.0 * (B < 0.5)), configs_of(a=A, b=B)
    wide = shares(importance(frame, configs, space={"a": Uniform(-1.0, 1.0)}))
    assert wide["a"] == pytest.approx(3 / 7, abs=0.02)
    narrow = shares(importance(frame, configs, space={"a": Uniform(0.4, 0.6)}))
    assert narrow["a"] == pytest.approx(0.5, abs=0.02), "no value may leave the axis"


@pytest.mark.parametrize("space", [None, {"width": Choice((1, 10, 1000))}])
def test_levels_of_a_grid_weigh_the_same_however_far_apart(space):
    """Levels 0, 1, 1 have variance 2/9; by distance the first would be next to nothing."""
    level = np.arange(COUNT) % 3
    configs = configs_of(width=[[1, 10, 1000][i] for i in level], b=B)
    found = shares(importance(frame_of((level > 0) + B), configs, space=space))
    assert found == pytest.approx({"width": 8 / 11, "b": 3 / 11}, abs=0.02)


def test_lists_strings_and_operators_are_categories_of_equal_weight():
    """0/1 columns per category, as Optuna has them, would say 0.67 and 0.28."""
    kind = np.minimum((4 * A).astype(int), 3)
    configs = configs_of(credit=[KINDS[i] for i in kind], b=B)
    found = shares(importance(frame_of(kind % 2 + B), configs))
    assert found == pytest.approx({"credit": 0.75, "b": 0.25}, abs=0.02)


def test_none_and_flags_are_categories():
    clip, flag = [[None, 0.5][i % 2] for i in range(COUNT)], [i % 4 > 1 for i in range(COUNT)]
    score = np.arange(COUNT) % 2 + 1.0 * np.array(flag)
    found = shares(importance(frame_of(score), configs_of(clip=clip, flag=flag)))
    assert found == pytest.approx({"clip": 0.5, "flag": 0.5}, abs=0.02)


@pytest.mark.parametrize("values", [A, [f"k{i % 3}" for i in range(COUNT)]], ids=["n", "kinds"])
def test_what_a_condition_does_is_not_put_down_to_the_fields_it_leaves_out(values):
    """`lam` is there for GAE alone, and does nothing; it tells who has GAE only by being there."""
    gae = C < 0.5
    lam = [value if has else float("nan") for value, has in zip(values, gae, strict=True)]
    configs = configs_of(lam=lam, credit=["GAE" if has else "NStep" for has in gae], b=B)
    found = shares(importance(frame_of(2.0 * gae + B), configs))
    assert found["lam"] < 0.02
    assert found["credit"] == pytest.approx(12 / 13, abs=0.03)


def test_a_conditional_field_is_credited_where_it_applies():
    """It acts in one half: main effect and interaction are equal."""
    gae = C < 0.5
    configs = configs_of(lam=np.where(gae, A, np.nan), credit=np.where(gae, "GAE", "NStep"))
    found = shares(importance(frame_of(np.where(gae, A, 0.5)), configs))
    assert found["lam"] == pytest.approx(0.5, abs=0.08) and found["credit"] < 0.1


@pytest.mark.parametrize("how", ["status", "infinite"])
def test_diverged_configs_count_with_the_worst_finite_score(how):
    """The upper half of a diverges: means 1.5 and 1, beside b / 2 and their interaction."""
    gone = A > 0.5
    score = np.where(gone, np.inf if how == "infinite" else 1e9, 1.0 + B)
    states = np.where(gone, "diverged", "done") if how == "status" else ["done"] * COUNT
    table = importance(frame_of(score), configs_of(a=A, b=B), status_of(states))
    assert shares(table) == pytest.approx({"a": 0.6, "b": 0.2}, abs=0.04)
    assert set(table["diverged"]) == {int(gone.sum())} and set(table["configs"]) == {COUNT}
    assert "worst finite score" in explanation(table, "eval_return")
    assert "diverged" not in explanation(table.assign(diverged=0), "eval_return")


def test_configs_without_a_score_do_not_count():
    done = D < 0.5
    states, score = np.where(done, "done", "pending"), np.where(done, A, 1e6 * B)
    table = importance(frame_of(score), configs_of(a=A, b=B), status_of(states))
    assert set(table["configs"]) == {COUNT // 2}
    assert shares(table)["a"] > 0.95


def test_environments_are_analysed_apart_and_algorithms_together():
    """Scores of one are a thousand times those of the other, and would be all there is."""
    easy, better = D < 0.5, C < 0.5
    score = np.where(easy, 5.0 + B + better, 1000.0 * A)
    names = {"env": np.where(easy, "easy", "hard"), "algorithm": np.where(better, "ppo", "a2c")}
    configs = configs_of(**names, a=A, b=B).sort_values("env", kind="stable")
    table = importance(frame_of(score), configs)
    assert table["env"].tolist() == ["easy"] * 3 + ["hard"] * 3
    easy, hard = (shares(table[table["env"] == env]) for env in ("easy", "hard"))
    assert easy == pytest.approx({"algorithm": 0.75, "b": 0.25, "a": 0.0}, abs=0.05)
    assert hard == pytest.approx({"a": 1.0, "b": 0.0, "algorithm": 0.0}, abs=0.05)
    assert set(table["configs"]) == {COUNT // 2}


def test_an_environment_that_cannot_be_analysed_yet_has_no_shares():
    easy = D < 0.5
    configs = configs_of(env=np.where(easy, "easy", "hard"), a=A, b=B)
    score = np.where(easy, A, np.nan)
    table = importance(frame_of(score), configs).set_index(["env", "hyperparameter"])
    assert table.loc["easy", "importance"]["a"] > 0.95
    assert table.loc["hard", "importance"].isna().all() and set(table.loc["hard", "configs"]) == {0}
    with pytest.raises(ReportError, match="importance on hard rests on at least 4"):
        importance(frame_of(score * np.nan), configs)


def test_equal_inputs_give_equal_numbers_in_any_order_of_rows():
    frame, kinds = frame_of(A + B), [KINDS[i % 4] for i in range(COUNT)]
    lam = np.where(C < 0.5, C, np.nan)
    configs = configs_of(a=A, credit=kinds, lam=lam)
    first = importance(frame, configs)
    mixed = configs.sample(frac=1.0, random_state=1)
    again = importance(frame.sample(frac=1.0, random_state=2), mixed)
    pd.testing.assert_frame_equal(first, again, check_exact=True)


def test_what_never_varies_has_no_importance():
    table = importance(frame_of(A), configs_of(a=A, fixed=[3] * COUNT, gone=[np.nan] * COUNT))
    assert shares(table)["fixed"] == 0.0 and len(table) == 2, "nobody has `gone`"


@pytest.mark.parametrize(
    ("scores", "configs", "words"),
    [
        ([1.0, 2.0, 3.0, np.nan], {"a": [1, 2, 3, 4]}, "at least 4 .* but 3 of 4 have one"),
        ([1.0, 2.0, 3.0, 4.0], {"a": [7] * 4, "b": ["x"] * 4}, "no hyper-parameter takes two"),
        ([2.0] * 4, {"a": [1, 2, 3, 4]}, "the same final eval_return, 2, so there is nothing"),
        ([np.inf] * 4, {"a": [1, 2, 3, 4]}, "but 0 of 4 have one"),
    ],
)
def test_too_little_to_analyse_is_said(scores, configs, words):
    with pytest.raises(ReportError, match=words):
        importance(frame_of(scores), configs_of(**configs))


def test_nothing_swept_is_said():
    configs = pd.DataFrame(index=pd.RangeIndex(4, name="config"))
    with pytest.raises(ReportError, match=r"no hyper-parameter .* sweep one in \[space\]"):
        importance(frame_of([1.0, 2.0, 3.0, 4.0]), configs)


@pytest.mark.parametrize("missing", ["optuna", "scikit-learn"])
def test_a_missing_package_is_an_error_with_the_command_that_installs_it(monkeypatch, missing):
    def version(name):
        if name == missing:
            raise importlib.metadata.PackageNotFoundError(name)
        return {"optuna": "4.9.0", "scikit-learn": "1.9.1"}[name]

    monkeypatch.setattr(importlib.metadata, "version", version)
    with pytest.raises(ReportError) as error:
        importance(frame_of(A), configs_of(a=A))
    assert str(error.value) == (
        f'importance needs {missing}, which is not installed; python -m pip install "jaxac[optuna]"'
    )


def test_another_version_is_an_error_that_names_it(monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "3.6.1")
    with pytest.raises(
        ReportError, match=r"works with optuna.*but 3\.6\.1 is installed; python -m"
    ):
        importance(frame_of(A), configs_of(a=A))


def test_a_package_that_does_not_import_is_an_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ReportError, match="optuna is installed but cannot be imported"):
        importance(frame_of(A), configs_of(a=A))


def test_requirements_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert tuple(project["optional-dependencies"]["optuna"]) == module.REQUIREMENTS


def test_optuna_is_imported_when_used_and_not_before():
    code = (
        "import json, sys, jaxac.report.results\n"
        "print(json.dumps([x for x in ('optuna', 'sklearn') if x in sys.modules]))"
    )
    command = [sys.executable, "-c", code]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert json.loads(out) == []


def test_optuna_is_quiet_and_keeps_the_users_level_of_logging(capfd):
    optuna = importlib.import_module("optuna")
    optuna.logging.set_verbosity(logging.INFO)
    importance(frame_of(A), configs_of(a=A))
    assert optuna.logging.get_verbosity() == logging.INFO
    assert capfd.readouterr() == ("", "")


def test_rendering_by_hand():
    rows = [("pro|be", "a", 0.896, 0.01, 8, 1), ("pro|be", "b_c", float("nan"), 0.5, 8, 1)]
    table = pd.DataFrame(rows, columns=["env", *module.COLUMNS])
    assert render(table, "md") == (
        "| env     | hyperparameter | importance |  std | configs | diverged |\n"
        "| ------- | -------------- | ---------: | ---: | ------: | -------: |\n"
        "| pro\\|be | a              |       0.90 | 0.01 |       8 |        1 |\n"
        "| pro\\|be | b_c            |          - | 0.50 |       8 |        1 |\n"
    )
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(render(table, "csv"))), table)
    with pytest.raises(ReportError, match="there are md, csv"):
        render(table, "latex")
