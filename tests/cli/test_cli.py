import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jaxac.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
TINY = ["tests.sweep.tiny:RECORD", "--env", "probe/ConstantReward", "--total-steps", "100"]
WRAPPED = ["tests.envs.standing:RECORD", "--env", "probe/Truncation", "--total-steps", "20"]
SWEEP = """
algorithm = "tests.sweep.tiny:RECORD"
env = "probe/ConstantReward"
total_steps = 100
seeds = 2
configs = 4
lanes = 2
[space]
learning_rate = {low = 0.01, high = 1.0, log = true}
"""


@pytest.fixture
def sweep_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(SWEEP)
    return path


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "mine.toml").write_text(SWEEP)
    assert main(["sweep", str(folder / "mine.toml"), "--out", str(folder / "run"), "--quiet"]) == 0
    return folder / "run"


def test_help_and_algorithms_answer_without_jax():
    code = (
        "import sys; from jaxac.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as e: assert e.code == 0\n"
        "assert main(['algorithms']) == 0\n"
        "assert main(['algorithms', '--json']) == 0\n"
        "heavy = {'jax', 'numpy', 'pandas', 'matplotlib', 'gymnax'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "ppo" in done.stdout and "arXiv:1707.06347" in done.stdout


def test_algorithms_lists_methods_on_known_processes_apart(capsys):
    assert main(["algorithms"]) == 0
    listed, _, apart = capsys.readouterr().out.partition("take no environment:")
    assert main(["algorithms", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    studies = {key for key, r in found.items() if "entry" in r}
    assert {"S005", "S013", "S189", "S200", "S214", "S232", "S243", "S251"} <= {
        r["row"] for r in found.values()
    }
    for key, r in found.items():
        line = f"\n{key} "
        assert (line in apart) == (key in studies) == ("make" not in r)
        assert (line in f"\n{listed}") == ("make" in r)


def test_train_ends_with_one_line_of_json(tmp_path, capsys):
    out = tmp_path / "run"
    command = ["train", *TINY, "--seeds", "3", "--seed", "5", "--learning-rate", "0.2", "--json"]
    assert main([*command, "--out", str(out)]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["seeds"] == [5, 6, 7] and found["env_steps"] == 300
    assert len(found["returns"]) == 3 and all(isinstance(x, float) for x in found["returns"])
    assert found["compile_s"] > 0 and found["run_s"] > 0
    assert {"algorithm", "env", "version"} <= set(found)
    assert (out / "learning_curves.png").exists()


def test_json_is_valid_where_every_run_diverged(tmp_path, capsys):
    command = ["train", *TINY, "--surge", "inf", "--seeds", "2", "--json", "--quiet"]
    assert main([*command, "--out", str(tmp_path / "run")]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(line)["returns"] == [None, None] and "NaN" not in line


def test_explicit_flags_win_over_tuned_settings_and_plain_leaves_them_out(capsys):
    base = ["train", "ppo", "--env", "CartPole-v1", "--dry-run", "--no-measure"]
    assert main(base) == 0
    shown = capsys.readouterr().out
    assert "settings tuned for CartPole-v1" in shown
    assert main([*base, "--plain"]) == 0
    assert "tuned" not in capsys.readouterr().out
    for flags in ([], ["--plain"]):
        assert main([*base, *flags, "--num-envs", "7", "--num-minibatches", "7"]) == 0
    assert main([*base, "--total-steps", "123456"]) == 0
    assert "12" in capsys.readouterr().out


def test_sweep_prints_table_pictures_and_what_next(sweep_file, tmp_path, capsys):
    assert main(["sweep", str(sweep_file), "--out", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr().out
    assert "| rank |" in shown and "learning_rate" in shown
    for picture in ("learning_curves.png", "sensitivity.png"):
        assert str(tmp_path / "run" / picture) in shown
        assert (tmp_path / "run" / picture).read_bytes().startswith(b"\x89PNG")
    commands = shown.split("And now:")[1].strip().splitlines()
    assert len(commands) == 3 and commands[0].strip().startswith("jaxac train")
    assert main(["resume", str(tmp_path / "run"), "--quiet"]) == 0
    assert capsys.readouterr().out in shown


def test_the_command_printed_for_next_trains_the_best_configuration(run_dir, capsys, tmp_path):
    import shlex

    import jaxac
    from jaxac.cli import shown

    results = jaxac.load(run_dir)
    best = int(results.table()["config"].iloc[0])
    command = shlex.split(shown.next_commands(results, best)[0])
    assert command[0] == "jaxac"
    assert main([*command[1:], "--out", str(tmp_path / "run"), "--quiet"]) == 0
    again = jaxac.load(tmp_path / "run")
    assert again.hp(0)["learning_rate"] == pytest.approx(
        results.hp(best)["learning_rate"], rel=1e-3
    )
    assert again.manifest["sweep"]["seeds"] == list(range(2, 12))


def test_dry_run_prints_the_plan_and_writes_nothing(sweep_file, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", str(sweep_file), "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "8 runs, 800 env steps, 1 programs to compile, 4 lane batches" in shown
    assert "in this process if every run goes to its end" in shown
    assert [p.name for p in tmp_path.iterdir()] == ["mine.toml"]


def test_a_sweep_without_out_makes_a_new_directory_each_time(sweep_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["sweep", str(sweep_file), "--quiet"]) == 0
    assert len(list((tmp_path / "runs").iterdir())) == 2


@pytest.mark.parametrize(
    ("fmt", "word"), [("md", "| rank"), ("csv", "rank,"), ("latex", r"\toprule")]
)
def test_table_formats(run_dir, capsys, fmt, word):
    assert main(["table", str(run_dir), "--format", fmt, "--top", "2"]) == 0
    assert word in capsys.readouterr().out


def test_plot_writes_where_it_says(run_dir, tmp_path, capsys):
    assert main(["plot", str(run_dir), "--folder", str(tmp_path / "p"), "--format", "pdf"]) == 0
    for line in capsys.readouterr().out.splitlines():
        assert Path(line).read_bytes().startswith(b"%PDF")


def test_importance_prints_shares_and_what_they_mean(run_dir, capsys):
    assert main(["importance", str(run_dir)]) == 0
    table, meaning = capsys.readouterr().out.split("\n\n")
    row = [cell.strip() for cell in table.splitlines()[2].strip("|").split("|")]
    assert row[:2] == ["learning_rate", "1.00"] and row[3:] == ["4", "0"]
    assert "share of the variance of the final eval_return" in meaning
    assert main(["importance", str(run_dir), "--format", "csv", "--metric", "param_norm"]) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header == "hyperparameter,importance,std,configs,diverged"
    assert row.startswith("learning_rate,") and row.endswith(",4,0")


def test_importance_without_its_packages_is_one_message(run_dir, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["importance", str(run_dir)]) == 1
    captured = capsys.readouterr()
    assert not captured.out and captured.err.count("\n") == 1
    assert 'python -m pip install "jaxac[optuna]"' in captured.err


def test_show_lists_fields_with_range_kind_and_paper(capsys):
    assert main(["show", "ppo"]) == 0
    shown = capsys.readouterr().out
    for word in ("surrogate.low", "[0, 1]", "traced", "static", "arXiv:1707.06347", "NStep"):
        assert word in shown
    assert main(["show", "a2c", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["row"] == "S194" and record["deviations"]
    assert any(f["field"] == "credit.lam" for f in record["fields"])


def test_envs_lists_all_and_shows_one(capsys):
    assert main(["envs"]) == 0
    listed = capsys.readouterr().out.split()
    assert {"gymnax/CartPole-v1", "probe/Truncation"} <= set(listed)
    assert main(["envs", "Pendulum-v1"]) == 0
    assert "Box(1, [-2, 2])" in capsys.readouterr().out


def test_envs_show_lists_wrappers_in_order_with_their_numbers(capsys):
    wrap = ["--wrap", "RescaleAction", "--wrap", "StickyActions(prob=0.125)"]
    assert main(["envs", "--show", "Pendulum-v1", *wrap, "--wrap", "ResetPool(size=9)"]) == 0
    shown = capsys.readouterr().out
    for line in (
        "actions: Box(1, [-1, 1])",
        "agents: one",
        "resets: Pool(size=9)",
        "  1. RescaleAction",
        "  2. StickyActions(prob=0.125)",
        "  3. ResetPool(size=9)",
        "  g = 10",
        "  StickyActions.prob = 0.125",
    ):
        assert line in shown.splitlines(), line
    assert main(["envs", "Pendulum-v1", *wrap, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["wrappers"] == [
        {"op": "RescaleAction"},
        {"op": "StickyActions", "prob": 0.125},
    ]
    assert found["params"]["g"] == 10.0 and found["params"]["StickyActions.prob"] == 0.125
    assert found["agents"] is None and found["time limit"] == 200
    assert main(["envs", "--show", "Pendulum-v1"]) == 0
    assert "wrappers" not in capsys.readouterr().out


def test_train_wraps_in_order_and_sets_params_of_both(tmp_path):
    out = tmp_path / "run"
    command = ["train", *WRAPPED, "--wrap", "FrameStack(num=2)", "--wrap", "StickyActions"]
    flags = ["--env.StickyActions.prob", "0.5", "--env.max-steps", "2", "--out", str(out)]
    assert main([*command, *flags, "--quiet"]) == 0
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["sweep"]["wrappers"] == [
        {"op": "FrameStack", "num": 2},
        {"op": "StickyActions", "prob": 0.25},
    ]
    assert manifest["sweep"]["env_params"] == {"StickyActions.prob": 0.5, "max_steps": 2}
    assert main(["resume", str(out), "--quiet"]) == 0


def test_the_command_printed_for_next_wraps_too(tmp_path, capsys):
    import shlex

    path = tmp_path / "wrapped.toml"
    path.write_text(
        f"""
algorithm = "{WRAPPED[0]}"
env = "{WRAPPED[2]}"
total_steps = {WRAPPED[4]}
sampler = "grid"
wrappers = ["TimeAware", {{op = "NormaliseObservation", mean = [1, 2]}}, "ClipReward(low=-inf)"]
[env_params]
"NormaliseObservation.std" = [1.0, 2.0]
"""
    )
    assert main(["sweep", str(path), "--out", str(tmp_path / "run")]) == 0
    shown = capsys.readouterr().out
    command = shlex.split(shown.split("And now:")[1].strip().splitlines()[0])
    assert main([*command[1:], "--out", str(tmp_path / "again"), "--quiet"]) == 0
    before, after = (
        json.loads((tmp_path / x / "manifest.json").read_text())["sweep"] for x in ("run", "again")
    )
    assert after["wrappers"] == before["wrappers"] and len(after["wrappers"]) == 3
    assert list(after["env_params"]) == ["NormaliseObservation.std"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["train", "pppo", "--env", "CartPole-v1"], "did you mean ppo"),
        (["train", "ppo", "--env", "CartPole-v2"], "did you mean CartPole-v1"),
        (["train", "ppo", "--env", "gymnac/CartPole-v1"], "did you mean gymnax"),
        (
            ["train", "ppo", "--env", "CartPole-v1", "--learnin-rate", "1"],
            "did you mean learning_rate",
        ),
        (["train", "ppo", "--env", "CartPole-v1", "--surrogate.low", "2"], "surrogate.low: 2"),
        (["train", "ppo", "--env", "CartPole-v1", "--learning-rate"], "has no value"),
        (["train", "ppo", "--env", "CartPole-v1", "--seeds", "0"], "seeds: 0"),
        (["train", "ppo", "--env", "CartPole-v1", "--seeds", "-2"], "seeds: -2"),
        (["train", "ppo", "--env", "CartPole-v1", "--total-steps", "0"], "total_steps: 0"),
        (["train", "ppo", "--env", "CartPole-v1", "--env.gravity", "abc"], "gravity"),
        (["train", "ppo", "--env", "jaxac.envs.loop:step"], "must take no arguments"),
        (["train", "ppo", "--env", "CartPole-v1", "--credit", "GEA"], "did you mean GAE"),
        (
            ["train", "ppo", "--env", "CartPole-v1", "--num-minibatches", "7", "--plain"],
            "choose a divisor",
        ),
        (["train", "ppo", "--env", "CartPole-v1", "--env.gravitas", "7"], "did you mean gravity"),
        (["train", "ppo", "--env", "CartPole-v1", "nonsense"], "expected a flag"),
        (["train", "ppo", "--env", "no.such.module:env"], "cannot import"),
        (["train", *TINY[:1], "--env", "probe/ContinuousAction"], "takes Discrete actions"),
        (["sweep", "missing.toml"], "cannot read the sweep file"),
        (["sweep", "quickstart", "--lr", "1"], "unknown argument"),
        (["sweep", "quickstart", "--configs", "0"], "configs"),
        (["resume", "nowhere"], "is not a run directory"),
        (["table", "nowhere"], "is not a run directory"),
        (["show", "nothing"], "there is no algorithm"),
        (["envs", "Nothing-v0"], "there is no environment"),
        (["envs", "--show", "Nothing-v0"], "there is no environment"),
        (["envs", "--wrap", "TimeAware"], "which environment?"),
        (["envs", "CartPole-v1", "--wrap", "TimeAwar"], "did you mean TimeAware"),
        (["train", *TINY, "--wrap", "StickyActions(0.1)"], "write Name or Name(field=1.0"),
        (["train", *TINY, "--wrap", "StickyActions(prob=2)"], "StickyActions.prob: 2 is outside"),
        (["train", *TINY, "--wrap", "RescaleAction"], "needs a Box of actions"),
        (
            ["train", *TINY, "--wrap", "FrameStack", "--env.FrameStack.num", "2"],
            "FrameStack(num=4)",
        ),
        (
            ["train", *TINY, "--wrap", "StickyActions", "--env.StickyActions.pro", "1"],
            "did you mean",
        ),
    ],
)
def test_bad_input_gives_one_clear_message_and_leaves_nothing(
    command, words, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 1
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.startswith("jaxac: ")
    assert captured.err.count("\n") == 1 and "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []


def test_another_sweep_in_out_is_refused(run_dir, sweep_file, capsys):
    assert main(["sweep", str(sweep_file), "--seeds", "3", "--out", str(run_dir)]) == 1
    assert "holds another sweep" in capsys.readouterr().err


def test_an_unknown_metric_names_the_known_ones(run_dir, capsys):
    assert main(["table", str(run_dir), "--metric", "reward"]) == 1
    assert "eval_return" in capsys.readouterr().err


def test_a_full_disk_is_one_message_and_the_sweep_goes_on_later(
    sweep_file, tmp_path, capsys, monkeypatch
):
    out = str(tmp_path / "run")

    def full_after(room):
        left = iter(range(room))

        def sync(fd):
            if next(left, None) is None:
                raise OSError(errno.ENOSPC, "No space left on device")

        return sync

    for room in (0, 1, 5, 30):
        with monkeypatch.context() as m:
            m.setattr("jaxac.store.files.os.fsync", full_after(room))
            assert main(["sweep", str(sweep_file), "--out", out, "--quiet"]) == 1
        captured = capsys.readouterr().err
        assert "the disk is full" in captured and captured.count("\n") == 1
    assert main(["sweep", str(sweep_file), "--out", out, "--quiet"]) == 0


def test_an_unwritable_place_is_one_message(sweep_file, tmp_path, capsys, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    for call in ("exists", "mkdir"):
        with monkeypatch.context() as m:
            m.setattr(Path, call, refuse)
            out = str(tmp_path / "run")
            assert main(["sweep", str(sweep_file), "--out", out, "--quiet"]) == 1
        captured = capsys.readouterr().err
        assert "Permission denied" in captured and captured.count("\n") == 1


def test_interruption_says_how_to_go_on(sweep_file, tmp_path, capsys, monkeypatch):
    from jaxac.sweep import lanes

    def interrupt(*args):
        raise KeyboardInterrupt

    out = str(tmp_path / "run")
    with monkeypatch.context() as m:
        m.setattr(lanes, "compile_program", interrupt)
        assert main(["sweep", str(sweep_file), "--out", out, "--quiet"]) == 130
    assert f"jaxac resume {out}" in capsys.readouterr().err
    assert main(["resume", out, "--quiet"]) == 0
