import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxac.cli.main import main
from jaxac.envs.canvas import rgb
from jaxac.envs.picture import EMPTY
from jaxac.store.rundir import RunDirectory

ROOT = Path(__file__).resolve().parents[2]
TINY = ["tests.sweep.tiny:RECORD", "--env", "probe/Truncation", "--total-steps", "100"]
RANDOM = ["video", "--env", "probe/Truncation", "--random"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("video") / "run"
    assert main(["train", *TINY, "--seeds", "3", "--out", str(out), "--quiet"]) == 0
    return out


def frames(path):
    with Image.open(path) as gif:
        return gif.n_frames


def test_help_needs_no_jax():
    code = (
        "import sys; from jaxac.cli.main import main\n"
        "try: main(['video', '--help'])\n"
        "except SystemExit as e: assert e.code == 0\n"
        "heavy = {'jax', 'numpy', 'PIL', 'matplotlib', 'gymnax'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--max-frames" in done.stdout


def test_train_names_the_command_that_shows_what_was_learned(tmp_path, capsys):
    assert main(["train", *TINY, "--out", str(tmp_path / "run"), "--quiet"]) == 0
    command = capsys.readouterr().out.rstrip().splitlines()[-1]
    assert command.strip() == f"jaxac video {tmp_path / 'run'}"
    assert main(shlex.split(command)[1:]) == 0


def test_the_best_run_is_shown_in_a_gif_in_its_directory(run_dir, capsys):
    assert main(["video", str(run_dir)]) == 0
    shown = capsys.readouterr().out
    assert f"of {run_dir} (configuration 0, seed " in shown
    assert "after 100 of 100 environment steps" in shown
    assert "episode 1: return 4, 4 steps, truncated" in shown
    (path,) = run_dir.glob("run-*.gif")
    assert str(path) in shown.splitlines()
    assert frames(path) == 5
    path.unlink()


def test_the_command_printed_for_next_writes_a_strip(run_dir, capsys, tmp_path):
    assert main(["video", str(run_dir), "--run", "2", "--out", str(tmp_path / "a.gif")]) == 0
    shown = capsys.readouterr().out
    assert "run 2 of" in shown and "seed 2" in shown
    command = shlex.split(shown.split("And now:")[1], comments=True)
    assert command[0] == "jaxac" and main(command[1:]) == 0
    with Image.open(run_dir / "run-2.png") as strip:
        assert strip.format == "PNG" and strip.width > 5 * 400 / 2
    (run_dir / "run-2.png").unlink()


def test_gif_and_strip_are_written_together_or_the_strip_alone(run_dir, capsys, tmp_path):
    both = ["--out", str(tmp_path / "a.gif"), "--strip", str(tmp_path / "a.png"), "--frames", "2"]
    assert main(["video", str(run_dir), *both, "--episodes", "2", "--fps", "4"]) == 0
    assert "episode 2: return 4" in capsys.readouterr().out
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 10 and gif.info["duration"] == 250
        width = gif.width
    with Image.open(tmp_path / "a.png") as strip:
        assert strip.width == 2 * width + 8
    assert main(["video", str(run_dir), "--strip", str(tmp_path / "b.png")]) == 0
    assert sorted(x.name for x in tmp_path.iterdir()) == ["a.gif", "a.png", "b.png"]
    assert not list(run_dir.glob("run-*"))


def test_frames_are_limited_and_plain_on_request(run_dir, capsys, tmp_path):
    base = ["video", str(run_dir), "--max-frames", "2"]
    assert main([*base, "--out", str(tmp_path / "a.gif")]) == 0
    assert "return 2, 2 steps, cut; --max-frames shows more" in capsys.readouterr().out
    assert main([*base, "--plain", "--out", str(tmp_path / "b.gif")]) == 0
    with Image.open(tmp_path / "a.gif") as one, Image.open(tmp_path / "b.gif") as two:
        assert one.n_frames == 3 and one.width == two.width and one.height > two.height


def test_an_environment_is_looked_at_without_training(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    changes = ["--env.reward_scale=2", "--env.max_steps", "7"]
    assert main([*RANDOM, *changes, "--quiet"]) == 0
    shown = capsys.readouterr().out
    assert "random actions in probe/Truncation" in shown and "return 14, 7 steps" in shown
    assert [x.name for x in tmp_path.iterdir()] == ["probe-Truncation-random.gif"]
    assert frames(tmp_path / "probe-Truncation-random.gif") == 8
    assert "jaxac train ppo --env probe/Truncation" in shown


def test_params_may_be_given_in_any_form(capsys, tmp_path):
    forms = [
        ["--env.max_steps", "7", "--env.reward_scale", "2"],
        ["--env.max_steps=7", "--env.reward_scale", "2"],
        ["--env.max_steps", "7", "--env.reward_scale=2"],
    ]
    for form in forms:
        assert main([*RANDOM, *form, "--quiet", "--out", str(tmp_path / "a.png")]) == 0
        assert "return 14, 7 steps" in capsys.readouterr().out


def test_wrappers_and_seeds_are_those_asked_for(tmp_path):
    for seed in ("0", "1", "0"):
        out = ["--out", str(tmp_path / f"{seed}.png"), "--seed", seed, "--plain"]
        assert main([*RANDOM, "--wrap", "TimeAware", *out, "--quiet"]) == 0
    one, two = (np.asarray(Image.open(tmp_path / f"{x}.png")) for x in "01")
    assert one.shape == two.shape and not np.array_equal(one, two)


def test_a_grid_is_drawn_in_cells(tmp_path):
    out = tmp_path / "grid.png"
    command = ["video", "--env", "tabular/Grid-5x5", "--random", "--plain", "--frames", "3"]
    assert main([*command, "--out", str(out), "--quiet"]) == 0
    picture = np.asarray(Image.open(out))
    assert picture.shape == (320, 3 * 320 + 16, 3)
    assert not (picture == rgb(EMPTY)).all(-1).any(), "every cell of the grid is a state"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "name a run directory, or say --env NAME --random"),
        (["nowhere"], "is not a run directory"),
        (["nowhere", "--random"], "random: this goes with --env"),
        (["nowhere", "--wrap", "TimeAware"], "wrap: this goes with --env"),
        (["nowhere", "--env", "CartPole-v1"], "nowhere has its own environment"),
        (["nowhere", "--env", "CartPole-v1", "--env.gravity", "1"], "nowhere has its own"),
        ([*RANDOM[1:], "--env.max_steps", "7", "--env.reward_scale"], "has no value"),
        (["nowhere", "--lr", "1"], "--lr: unknown argument"),
        (["--env", "CartPole-v1"], "say --random"),
        (["--env", "CartPole-v2", "--random"], "did you mean CartPole-v1"),
        (["--env", "CartPole-v1", "--random", "--run", "1"], "run: this goes with a run directory"),
        (["--env", "CartPole-v1", "--random", "--env.gravitas", "1"], "did you mean gravity"),
        (["--env", "CartPole-v1", "--random", "--speed", "1"], "speed: unknown argument"),
        ([*RANDOM[1:], "--out", "a.webm"], "a.webm has none of the suffixes"),
        ([*RANDOM[1:], "--strip", "a.gif"], "a.gif is not .png"),
        ([*RANDOM[1:], "--seed", "-1"], "seed: -1"),
    ],
)
def test_bad_input_gives_one_clear_message_and_leaves_nothing(
    options, words, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(["video", *options]) == 1
    captured = capsys.readouterr()
    assert words in captured.err and captured.err.startswith("jaxac: ")
    assert captured.err.count("\n") == 1 and "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["--episodes", "--fps", "--frames", "--max-frames"])
def test_counts_are_positive(word, capsys):
    with pytest.raises(SystemExit):
        main([*RANDOM, word, "0"])
    assert word in capsys.readouterr().err


def test_a_run_under_way_is_shown_as_far_as_it_came(tmp_path, capsys, monkeypatch):
    acknowledge, chunks = RunDirectory.acknowledge, []

    def interrupted(self, *args, **kwargs):
        if chunks:
            raise KeyboardInterrupt
        chunks.append(acknowledge(self, *args, **kwargs))

    monkeypatch.setattr(RunDirectory, "acknowledge", interrupted)
    out = str(tmp_path / "run")
    assert main(["train", *TINY, "--evaluations", "4", "--out", out, "--quiet"]) == 130
    capsys.readouterr()
    assert main(["video", out]) == 0
    shown = capsys.readouterr().out
    assert "after 25 of 100 environment steps" in shown and f"`jaxac resume {out}`" in shown


def test_a_run_not_yet_evaluated_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr("jaxac.sweep.lanes.compile_program", interrupted)
    out = str(tmp_path / "run")
    assert main(["train", *TINY, "--out", out, "--quiet"]) == 130
    capsys.readouterr()
    for choice in ([], ["--run", "0"]):
        assert main(["video", out, *choice]) == 1
        assert f"`jaxac resume {out}` goes on" in capsys.readouterr().err


def test_an_unknown_run_names_those_there_are(run_dir, capsys):
    assert main(["video", str(run_dir), "--run", "7"]) == 1
    assert "has no run 7; it has runs 0 to 2" in capsys.readouterr().err
