"""`jaxac policy`, and what it says to do next."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from jaxac.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
TINY = ["tests.sweep.tiny:RECORD", "--env", "probe/Truncation", "--total-steps", "100"]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    out = tmp_path_factory.mktemp("policy") / "run"
    assert main(["train", *TINY, "--seeds", "3", "--out", str(out), "--quiet"]) == 0
    return out


def test_help_needs_no_jax():
    code = (
        "import sys; from jaxac.cli.main import main\n"
        "try: main(['policy', '--help'])\n"
        "except SystemExit as e: assert e.code == 0\n"
        "heavy = {'jax', 'numpy', 'safetensors', 'gymnax'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "--out FILE" in done.stdout


def test_the_policy_is_written_and_the_code_printed_for_next_acts(run_dir, capsys, tmp_path):
    path = tmp_path / "my policy.safetensors"
    assert main(["policy", str(run_dir), "--run", "2", "--out", str(path)]) == 0
    shown = capsys.readouterr().out
    assert f"run 2 of {run_dir} (configuration 0, seed 2) after 100 of 100 env" in shown
    assert "  evaluation return " in shown
    assert f"{path}  {path.stat().st_size:,} bytes" in shown.splitlines()
    python, option, code = shlex.split(shown.split("And now:")[1])
    assert (python, option) == ("python", "-c") and "tests.sweep.tiny" in code
    exec(code, {})
    assert capsys.readouterr().out == "[0]\n"


def test_by_default_the_file_is_in_the_run_directory_and_a_video_shows_it(run_dir, capsys):
    assert main(["policy", str(run_dir), "--config", "0"]) == 0
    (path,) = run_dir.glob("run-*.safetensors")
    capsys.readouterr()
    assert main(["video", str(path)]) == 0
    shown = capsys.readouterr().out
    assert "episode 1: return 4, 4 steps, truncated" in shown
    assert str(path.with_suffix(".gif")) in shown.splitlines()
    command = shlex.split(shown.split("And now:")[1])
    assert main(command[1:]) == 0
    assert path.with_suffix(".png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--run", "9"], "has no run 9"),
        (["--config", "3"], "has no configuration 3"),
        (["--sample"], "sample"),
    ],
)
def test_what_is_wrong_is_one_message(run_dir, capsys, words, message):
    assert main(["policy", str(run_dir), *words]) == 1
    told = capsys.readouterr().err
    assert told.startswith("jaxac: ") and message in told and told.count("\n") == 1
