"""Pictures appear whole, say what they should, and are equal for equal inputs."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from jaxac.errors import JaxacError
from jaxac.report import drawing, figures, parallel
from jaxac.report.tables import rank

COUNT, SEEDS = 8, 3


def sweep():
    rng = np.random.default_rng(0)
    configs = pd.DataFrame(
        {
            "learning_rate": 10 ** rng.uniform(-5, -2, COUNT),
            "credit.lam": rng.uniform(0.8, 1.0, COUNT),
            "net.hidden": [[64, 64], [256, 256]] * (COUNT // 2),
        },
        index=pd.RangeIndex(COUNT, name="config"),
        dtype=object,
    )
    runs = [(c, s) for c in range(COUNT) for s in range(SEEDS)]
    rows = [
        (c, s, step, "eval_return", c * step / 1000 + rng.normal())
        for c, s in runs
        for step in range(1000, 6000, 1000)
    ]
    frame = pd.DataFrame(rows, columns=["config", "seed", "step", "metric", "value"])
    index = pd.MultiIndex.from_tuples(runs, names=["config", "seed"])
    status = pd.Series("done", index=index, dtype=object)
    status[(5, 1)] = "diverged"
    status[[(2, s) for s in range(SEEDS)]] = "pending"
    return frame, configs, status


FRAME, CONFIGS, STATUS = sweep()
TABLE = rank(FRAME, CONFIGS, STATUS)


def draw_curves(path, frame=FRAME, configs=CONFIGS, status=STATUS, **options):
    figures.learning_curves(frame, configs, rank(frame, configs, status), path, **options)


def draw_sensitivity(path, frame=FRAME, configs=CONFIGS, status=STATUS, **options):
    figures.sensitivity(frame, configs, path, status=status, **options)


def draw_parallel(path, frame=FRAME, configs=CONFIGS, status=STATUS, **options):
    parallel.parallel_coordinates(frame, configs, path, status=status, **options)


DRAW = [draw_curves, draw_sensitivity, draw_parallel]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that would have been written."""
    kept = []
    monkeypatch.setattr(drawing, "write", lambda figure, path: kept.append(figure))
    return kept


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize("draw", DRAW)
@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_equal_inputs_give_equal_bytes_and_no_other_file(draw, suffix, tmp_path):
    first, second = tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}"
    draw(first)
    with matplotlib.rc_context({"font.size": 20.0, "svg.hashsalt": "other"}):
        before = dict(matplotlib.rcParams)
        draw(second)
        assert dict(matplotlib.rcParams) == before
    assert first.stat().st_size > 5000
    assert first.read_bytes() == second.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [first.name, second.name]


@pytest.mark.parametrize("draw", DRAW)
def test_a_failed_write_keeps_the_old_picture_and_leaves_no_temporary_file(
    draw, tmp_path, monkeypatch
):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def full(self, target):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="no space"):
        draw(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("draw", DRAW)
def test_another_suffix_is_refused(draw, tmp_path):
    with pytest.raises(JaxacError, match=r"\.png, \.pdf, \.svg; a\.gif is none"):
        draw(tmp_path / "a.gif")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("draw", DRAW)
@pytest.mark.parametrize(
    "frame",
    [FRAME.assign(value=np.nan), FRAME.iloc[:0], FRAME[FRAME["seed"] == 0], FRAME.iloc[:1]],
    ids=["all NaN", "empty", "one seed", "one value"],
)
def test_little_data_is_drawn_all_the_same(draw, frame, tmp_path):
    draw(tmp_path / "a.png", frame=frame)
    assert (tmp_path / "a.png").stat().st_size > 2000


@pytest.mark.parametrize("draw", DRAW)
def test_one_config_is_drawn(draw, tmp_path):
    draw(tmp_path / "a.png", configs=CONFIGS.loc[[3]])
    draw(tmp_path / "b.png", configs=CONFIGS.iloc[:0])
    assert all((tmp_path / name).stat().st_size > 2000 for name in ("a.png", "b.png"))


def test_curves_are_named_by_their_swept_values(drawn):
    draw_curves("a.png", top=2)
    header, first, second, others = legend_of(drawn[0])
    assert header.split() == ["config", "learning_rate", "credit.lam", "net.hidden"]
    assert first.split()[0] == "7" and first.endswith("[256, 256]")
    assert second.split()[0] == "6" and len(second) == len(first) == len(header)
    assert others == f"{COUNT - 2} other configs"


def test_legend_prefers_what_differs_and_counts_the_rest(drawn):
    constant = {f"same{i}": 1 for i in range(figures.MAX_COLUMNS)}
    configs = CONFIGS.assign(**constant).reindex(columns=[*constant, *CONFIGS])
    draw_curves("a.png", configs=configs, top=2)
    header = legend_of(drawn[0])[0].split()
    assert header[1:3] == ["same0", "same1"]
    assert header[3:] == ["learning_rate", "credit.lam", "net.hidden", "+3", "more"]


def test_more_curves_than_colours_stay_distinct():
    looks = [tuple(figures._look(place).values()) for place in range(20)]
    assert len(set(looks)) == 20


def test_a_far_outlier_does_not_flatten_the_picture(drawn):
    frame = FRAME.assign(value=FRAME["value"].where(FRAME["config"] != 0, -1e9))
    draw_curves("a.png", frame=frame)
    draw_sensitivity("b.png", frame=frame)
    assert all(figure.axes[0].get_ylim()[0] > -100.0 for figure in drawn)
    assert "far below" in legend_of(drawn[1])


def test_each_swept_hyper_parameter_has_a_panel_with_a_fitting_axis(drawn):
    draw_sensitivity("a.png")
    panels = drawn[0].axes[:-1]  # the last is the colour bar
    assert [p.get_xlabel() for p in panels] == ["learning_rate", "credit.lam", "net.hidden"]
    assert [p.get_xscale() for p in panels] == ["log", "linear", "linear"]
    labels = [text.get_text() for text in panels[2].get_xticklabels()]
    assert labels == ["[64,64]", "[256,256]"]
    assert drawn[0].axes[-1].get_ylabel() == "rank"
    assert set(legend_of(drawn[0])) == {"median", "config", "a run diverged", "no score"}


def test_twelve_hyper_parameters_wrap_into_rows(drawn):
    rng = np.random.default_rng(0)
    columns = {f"x{i}": rng.uniform(0, 1, COUNT) for i in range(9)}
    draw_sensitivity("a.png", configs=CONFIGS.assign(**columns))
    panels = drawn[0].axes[:-1]
    assert len(panels) == 12
    assert panels[0].get_subplotspec().get_gridspec().get_geometry() == (3, 4)


def test_numbers_none_and_flags_may_share_a_sweep(drawn):
    x = [None, 1, 2.5, float("nan"), 3, 4, 5, 6]
    flags = [True, False, None, "auto", True, False, True, True]
    draw_sensitivity("a.png", configs=CONFIGS.assign(x=x, flag=flags))
    labels = [text.get_text() for text in drawn[0].axes[4].get_xticklabels()]
    assert labels == ["False", "True", "auto", "-"]


@pytest.mark.parametrize("draw", [draw_sensitivity, draw_parallel])
def test_nothing_swept_is_said(drawn, draw):
    draw("a.png", configs=CONFIGS.iloc[:, :0])
    assert drawn[0].axes[0].texts[0].get_text() == "no hyper-parameter was swept"


def bundles(figure):
    """`(lines [n, axes], colour, width, dashed)` of each bundle that is not empty."""
    return [
        (
            np.array([path.vertices[:, 1] for path in found.get_paths()]),
            to_hex(found.get_colors()[0]),
            found.get_linewidth()[0],
            found.get_linestyle()[0][1] is not None,
        )
        for found in figure.axes[0].collections
        if found.get_paths()
    ]


def ticks_of(figure, at):
    """`{text: height}` beside the axis at position `at`."""
    found = [text for text in figure.axes[0].texts if text.xy[0] == at and text.get_fontsize() == 8]
    return {text.get_text(): text.xy[1] for text in found}


def test_every_config_is_a_line_through_its_values_to_its_score(drawn):
    configs = CONFIGS.assign(flag=[True, False] * (COUNT // 2))
    draw_parallel("a.png", configs=configs, top=3)
    none, others, lost, best = bundles(drawn[0])
    assert [len(bundle[0]) for bundle in (none, others, lost, best)] == [1, 3, 1, 3]
    assert best[2] > others[2] and best[0].shape[1] == len(configs.columns) + 1
    assert lost[1].upper() == drawing.VERMILION and none[1].upper() == drawing.GREY
    assert lost[3] and not others[3] and not best[3]
    rates = np.log(configs["learning_rate"].astype(float))
    heights = (rates - rates.min()) / (rates.max() - rates.min())
    np.testing.assert_allclose(best[0][:, 0], heights[[4, 6, 7]], err_msg="the best is drawn last")
    assert (np.diff(best[0][:, -1]) > 0.0).all() and (best[0][0, -1] > others[0][:, -1]).all()
    assert none[0][0, -1] == parallel.FOOT
    assert legend_of(drawn[0]) == ["the best 3", "a run diverged", "no score"]


def test_axes_of_parallel_coordinates_fit_their_values(drawn):
    credit = ["GAE", {"op": "NStep", "n": 5}] * (COUNT // 2)
    configs = CONFIGS.assign(credit=credit, width=[2, 16] * (COUNT // 2))
    configs.loc[0, "credit.lam"] = np.nan
    draw_parallel("a.png", configs=configs)
    rate, lam, hidden, op, width, score = (ticks_of(drawn[0], at) for at in range(6))
    low, high = np.log(configs["learning_rate"].astype(float).agg(["min", "max"]))
    assert rate["1e-4"] == pytest.approx((np.log(1e-4) - low) / (high - low))
    assert lam["-"] == parallel.FOOT and min(y for text, y in lam.items() if text != "-") >= 0.0
    assert hidden == {"[64,64]": 0.25, "[256,256]": 0.75}
    assert op == {"GAE": 0.25, "NStep(n=5)": 0.75}
    assert width == {"2": 0.25, "16": 0.75}, "levels are evenly spaced"
    assert "-" in score and len(score) > 3
    names = [text.get_text() for text in drawn[0].axes[0].texts if text.get_fontsize() == 9]
    assert names[1] == "credit.\nlam" and names[-1] == "final eval return\n(IQM)"


def test_configs_of_one_level_lie_side_by_side(drawn):
    draw_parallel("a.png", configs=CONFIGS[["net.hidden", "learning_rate"]])
    heights = np.sort(np.concatenate([lines[:, 0] for lines, *_ in bundles(drawn[0])]))
    assert (np.diff(heights) > 0.01).all()
    assert (np.abs(heights[:4] - 0.25) <= 0.13).all() and (heights[4:] > 0.6).all()


def test_no_tick_of_parallel_coordinates_touches_another(drawn):
    kinds = [f"kind{i}" for i in range(40)]
    index = pd.RangeIndex(40, name="config")
    configs = pd.DataFrame({"kind": kinds, "x": np.geomspace(1e-9, 1, 40)}, index, dtype=object)
    draw_parallel("a.png", configs=configs, status=None)
    for at in range(2):
        heights = np.sort(list(ticks_of(drawn[0], at).values()))
        assert len(heights) > 5 and (np.diff(heights) > parallel.CLOSE).all()


def test_a_score_far_below_the_rest_lies_at_the_foot(drawn):
    frame = FRAME.assign(value=FRAME["value"].where(FRAME["config"] != 0, -1e9))
    draw_parallel("a.png", frame=frame)
    ticks = ticks_of(drawn[0], 3)
    assert any(text.startswith("-, < ") for text in ticks) and len(ticks) > 3
    lowest = [lines[:, -1].min() for lines, *_ in bundles(drawn[0])]
    assert lowest.count(parallel.FOOT) == 2, "the one without a score, and the one far below"


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([1e-5, 1e-4, 1e-3], True),
        ([8, 16, 32, 64], False),
        ([0.0, 1e-3, 1.0], False),
        (np.linspace(0.001, 1.0, 50), False),
        (np.geomspace(0.001, 1.0, 50), True),
        ([0.5], False),
    ],
)
def test_axis_is_logarithmic_where_values_spread_over_decades(values, log):
    assert drawing.is_log(np.asarray(values, float)) == log


def test_pyplot_is_left_alone(tmp_path):
    code = (
        "import sys, pandas as pd; from jaxac.report import drawing, figures;"
        "runs = [(c, 0, 1, 'eval_return', c) for c in range(6)];"
        "frame = pd.DataFrame(runs, columns=['config', 'seed', 'step', 'metric', 'value']);"
        "configs = pd.DataFrame({'x': range(6), 'y': list('aabbcc')});"
        "figures.sensitivity(frame, configs, sys.argv[1]);"
        "assert 'matplotlib.pyplot' not in sys.modules and 'jax' not in sys.modules"
    )
    path = {"PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}
    command = [sys.executable, "-c", code, str(tmp_path / "a.png")]
    subprocess.run(command, check=True, env=os.environ | path, timeout=60)
