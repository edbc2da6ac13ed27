"""The ranking of a sweep, and its renderings."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from jaxac.errors import JaxacError
from jaxac.report import stats
from jaxac.report.tables import RESULTS, curves, final_scores, format_value, rank, render

FINAL = {0: [1.0, 2.0, 3.0, 4.0], 1: [5.0, 6.0, 7.0, 90.0], 2: [5.0, 6.0, 7.0, 90.0]}


def frame_of(final, metric="eval_return"):
    """Two evaluations a run, the last of which has the given score."""
    rows = [
        (config, seed, step, metric, value if step == 200 else -1.0)
        for config, values in final.items()
        for seed, value in enumerate(values)
        for step in (100, 200)
    ]
    return pd.DataFrame(rows, columns=["config", "seed", "step", "metric", "value"])


def configs_of(count, **columns):
    return pd.DataFrame(columns, index=pd.RangeIndex(count, name="config"), dtype=object)


def status_of(states):
    runs = [(c, s) for c, row in states.items() for s in range(len(row))]
    index = pd.MultiIndex.from_tuples(runs, names=["config", "seed"])
    return pd.Series([state for row in states.values() for state in row], index=index)


CONFIGS = configs_of(3, learning_rate=[3e-5, 1e-3, 0.01], hidden=[[64, 64], [256, 256], [8]])


def test_configs_are_ranked_by_final_iqm_and_ties_by_number():
    table = rank(frame_of(FINAL), CONFIGS)
    results = [x for x in RESULTS if x != "stopped"]  # nothing was
    assert table.columns.tolist() == ["rank", "config", "learning_rate", "hidden", *results]
    assert table["rank"].tolist() == [1, 2, 3]
    assert table["config"].tolist() == [1, 2, 0]
    assert table["IQM"].tolist() == [6.5, 6.5, 2.5]
    assert table["mean"].tolist() == [27.0, 27.0, 2.5]
    assert table["step"].tolist() == [200, 200, 200]
    assert table["hidden"].tolist() == [[256, 256], [8], [64, 64]]
    low, high = stats.bootstrap_interval(FINAL[0])
    assert table.loc[2, ["low", "high"]].tolist() == [low, high]


def test_final_score_is_the_last_step_with_a_value():
    frame = frame_of({0: [4.0, 5.0]})
    frame.loc[(frame["seed"] == 1) & (frame["step"] == 200), "value"] = np.nan
    scores = final_scores(frame, "eval_return")
    assert scores.to_numpy().tolist() == [[0, 0, 200, 4.0], [0, 1, 100, -1.0]]
    assert rank(frame, configs_of(1, x=[1]))["step"].tolist() == [100]


def test_curves_line_up_seeds_that_stopped_early():
    frame = frame_of({0: [4.0, 5.0], 7: [1.0]}).drop(index=3)
    found = curves(frame, "eval_return")
    np.testing.assert_array_equal(found[0][0], [100, 200])
    np.testing.assert_array_equal(found[0][1], [[-1.0, -1.0], [4.0, np.nan]])
    np.testing.assert_array_equal(found[7][1], [[-1.0], [1.0]])


def test_diverged_configs_come_last_and_unfinished_runs_are_missing():
    states = {
        0: ["done"] * 4,
        1: ["done", "done", "diverged", "done"],
        2: ["done", "running", "pending", "done"],
        3: ["pending"] * 4,
        4: ["diverged"] * 4,
    }
    frame = frame_of(FINAL | {4: [1e9] * 4})
    table = rank(frame, configs_of(5, x=list("abcde")), status_of(states)).set_index("config")
    assert table.index.tolist() == [2, 0, 3, 1, 4]
    assert table["rank"].fillna(0).tolist() == [1, 2, 0, 3, 0]
    assert table["seeds"].tolist() == [2, 4, 0, 3, 0]
    assert table["missing"].tolist() == [2, 0, 4, 0, 0]
    assert table["diverged"].tolist() == [0, 0, 0, 1, 4]
    assert table["IQM"].isna().tolist() == [False, False, True, False, True]
    assert table.loc[2, "IQM"] == (5.0 + 90.0) / 2.0
    assert table.loc[1, "IQM"] == (5.0 + 6.0 + 90.0) / 3.0


def test_stopped_configs_come_after_the_finished_ones_the_longest_trained_first():
    frame = frame_of({0: [9.0] * 2, 1: [1.0] * 2, 2: [5.0] * 2, 3: [6.0] * 2})
    last = frame["step"].max()
    short = (frame["config"] == 0) & (frame["step"] == last)
    frame = frame[~short]  # config 0 stopped earlier than 2 and 3
    index = pd.MultiIndex.from_product([range(4), range(2)], names=["config", "seed"])
    status = pd.Series(["stopped"] * 2 + ["done"] * 2 + ["stopped"] * 4, index=index)
    table = rank(frame, CONFIGS.reindex(range(4)), status)
    assert table["config"].tolist() == [1, 3, 2, 0]
    assert table["stopped"].tolist() == [0, 2, 2, 2]
    assert "**1.00**" in render(table, "md") and "**6" not in render(table, "md")


def test_unfinished_configs_are_shown_as_missing():
    status = status_of({0: ["done"] * 4, 1: ["running"] * 4, 2: ["pending"] * 4})
    table = rank(frame_of(FINAL), CONFIGS, status)
    last = render(table, "md").splitlines()[-1]
    cells = [cell.strip() for cell in last.strip("|").split("|")]
    assert cells == ["-", "2", "0.01", "[8]", "-", "-", "-", "-", "0", "4", "0", "-"]
    assert " -- & 2 & 0.01 & [8] & -- " in f" {render(table, 'latex')}".replace("\n", " ")
    assert render(table, "csv").splitlines()[-1] == ",2,0.01,[8],,,,,0,4,0,"


def test_unfinished_configs_keep_the_order_of_their_numbers():
    configs = configs_of(5, x=[0] * 5).iloc[::-1]
    table = rank(frame_of({}), configs, status_of({c: ["pending"] for c in range(5)}))
    assert table["config"].tolist() == [0, 1, 2, 3, 4]


def test_one_run_has_a_score_and_no_interval():
    table = rank(frame_of({0: [3.0]}), configs_of(1, x=[1]))
    assert table["IQM"].tolist() == [3.0]
    assert np.isnan(table[["low", "high"]].to_numpy()).all()
    assert "**3.00** |   - |    - | 3.00" in render(table, "md")


@pytest.mark.parametrize("fmt", ["md", "csv", "latex"])
def test_equal_results_give_equal_bytes_in_any_order_of_rows(fmt):
    frame = frame_of(FINAL)
    mixed = frame.sample(frac=1.0, random_state=3)
    again = rank(mixed, CONFIGS.iloc[[2, 0, 1]])
    assert render(rank(frame, CONFIGS), fmt) == render(again, fmt)


def test_markdown_by_hand():
    frame = frame_of({0: [1.0] * 4, 1: [2.0] * 4})
    expected = """\
| rank | config | lr    |      IQM |  low | high | mean | seeds | missing | diverged | step |
| ---: | -----: | ----- | -------: | ---: | ---: | ---: | ----: | ------: | -------: | ---: |
|    1 |      1 | a\\|_b | **2.00** | 2.00 | 2.00 | 2.00 |     4 |       0 |        0 |  200 |
|    2 |      0 | 3e-5  |     1.00 | 1.00 | 1.00 | 1.00 |     4 |       0 |        0 |  200 |
"""
    assert render(rank(frame, configs_of(2, lr=[3e-5, "a|_b"])), "md") == expected


def test_latex_escapes_and_typesets():
    frame = frame_of({0: [-1.0] * 4, 1: [-200.0] * 4})
    lines = render(rank(frame, configs_of(2, ent_coef=[3e-5, "50%_{x}"])), "latex").splitlines()
    assert lines[0] == r"\begin{tabular}{rrlrrrrrrrr}"
    assert lines[1] == r"\toprule"
    assert lines[2].startswith(r"rank & config & ent\_coef & IQM &")
    assert lines[4].startswith(r"1 & 0 & $3 \times 10^{-5}$ & \textbf{$-$1.0} & $-$1.0 &")
    assert lines[5].startswith(r"2 & 1 & 50\%\_\{x\} & $-$200.0 &")
    assert lines[-2:] == [r"\bottomrule", r"\end{tabular}"]


def test_csv_parses_back_to_every_digit():
    frame = frame_of({0: [1.0 / 3.0, 0.7], 1: [2.0 / 3.0, 0.1]})
    configs = configs_of(2, lr=[0.1 + 0.2, 1e-7], net=[[64, 64], ["a, b", None]])
    table = rank(frame, configs)
    back = pd.read_csv(io.StringIO(render(table, "csv")))
    assert back.columns.tolist() == table.columns.tolist()
    for name in ("rank", "config", "lr", "IQM", "low", "high", "mean", "step"):
        np.testing.assert_array_equal(back[name].astype(float), table[name].astype(float))
    assert back["net"].map(json.loads).tolist() == table["net"].tolist()


def test_bold_marks_what_lies_in_the_interval_of_the_best():
    final = {0: [10.0, 20.0, 30.0, 40.0], 1: [20.0] * 4, 2: [1.0] * 4, 3: [99.0] * 4}
    states = {c: ["done"] * 4 for c in range(3)} | {3: ["done"] * 4 + ["diverged"]}
    text = render(rank(frame_of(final), configs_of(4, x=[0] * 4), status_of(states)), "md")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()[2:]]
    assert {row[2]: row[4].startswith("**") for row in rows} == {
        "0": True,
        "1": True,
        "2": False,
        "3": False,
    }


@pytest.mark.parametrize(("scale", "shown"), [(1000.0, "1000.0"), (1.0, "1.00"), (1e-3, "0.001")])
def test_decimals_of_scores_follow_their_size(scale, shown):
    table = rank(frame_of({0: [scale] * 4}), configs_of(1))
    assert f"**{shown}**" in render(table, "md")


def test_top_shows_the_first_rows():
    table = rank(frame_of(FINAL), CONFIGS)
    assert len(render(table, "csv", top=2).splitlines()) == 3
    assert len(render(table, "md", top=9).splitlines()) == 5
    assert len(render(table.iloc[:0], "latex").splitlines()) == 6


def test_hyper_parameter_named_like_a_result_keeps_its_own_column():
    table = rank(frame_of({0: [1.0]}), configs_of(1, step=[7]))
    assert table["hp.step"].tolist() == [7] and table["step"].tolist() == [200]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3e-5, "3e-5"),
        (0.00072287, "7.229e-4"),
        (0.001, "0.001"),
        (0.30000000000000004, "0.3"),
        (-2.5e7, "-2.5e7"),
        (0.0, "0"),
        (64.0, "64"),
        (100000, "100000"),
        (np.float32(0.1), "0.1"),
        (float("inf"), "inf"),
        (float("nan"), "-"),
        (None, "-"),
        (True, "True"),
        ("relu", "relu"),
        ([64, 64], "[64, 64]"),
        ((0.1, None), "[0.1, -]"),
        ({"op": "GAE"}, "GAE"),
        ({"op": "NStep", "n": 5, "lam": 3e-5}, "NStep(n=5, lam=3e-5)"),
    ],
)
def test_hyper_parameters_are_written_short(value, text):
    assert format_value(value) == text


def test_bad_input_is_refused():
    frame = frame_of(FINAL)
    with pytest.raises(JaxacError, match="lacks the columns seed, value"):
        rank(frame.drop(columns=["seed", "value"]), CONFIGS)
    with pytest.raises(JaxacError, match="unknown status 'killed'"):
        rank(frame, CONFIGS, status_of({0: ["killed"]}))
    with pytest.raises(JaxacError, match="csv, latex, md"):
        render(rank(frame, CONFIGS), "html")


def test_a_metric_nobody_has_ranks_nobody():
    table = rank(frame_of(FINAL), CONFIGS, metric="loss")
    assert table["rank"].isna().tolist() == [True] * 3
    assert table["missing"].tolist() == [4, 4, 4]
