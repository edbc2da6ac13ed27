import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import jaxac
from jaxac.errors import StoreError, SweepError
from jaxac.ops.schedule import Linear
from jaxac.report import tables
from jaxac.store.ledger import Ledger
from jaxac.sweep.progress import Plain, Quiet
from jaxac.sweep.spec import Sweep
from tests.sweep import tiny

ROOT = Path(__file__).resolve().parents[2]
WORDS = {
    "algorithm": "tests.sweep.tiny:RECORD",
    "env": "probe/ConstantReward",
    "total_steps": 100,
    "evaluations": 5,
    "seeds": 3,
    "sampler": "grid",
    "lanes": 4,
}
SPACE = {"width": [2, 3], "learning_rate": [0.1, 0.2, 0.3]}  # in no alphabetical order
SWEEP = Sweep(**WORDS, space=SPACE)


class StopAfter(Quiet):
    """Stops the sweep after some acknowledged chunks, as Ctrl-C does."""

    def __init__(self, count):
        self.left = count

    def advanced(self, facts, told):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


class Notes(Quiet):
    def __init__(self):
        self.notes = []

    def noted(self, text):
        self.notes.append(text)


def outcome(results):
    """All that a person reads of a sweep, as text."""
    return tables.render(results.table(), "csv") + results.frame().to_csv(index=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return jaxac.run(SWEEP, tmp_path_factory.mktemp("sweep") / "run", Quiet())


def test_every_run_is_in_the_frame_at_every_evaluation(whole):
    frame = whole.frame()
    assert list(frame) == ["config", "seed", "step", "metric", "value"]
    evaluations = frame[frame["metric"] == "eval_return"]
    assert len(evaluations) == 6 * 3 * 5
    assert sorted(set(evaluations["step"])) == [20, 40, 60, 80, 100]
    assert set(whole.status) == {"done"}


def test_a_run_is_what_the_algorithm_gives_on_its_own(whole):
    """Config 3 (learning rate 0.2, width 3), seed 2, against the algorithm called by hand."""
    import jax

    env = jaxac.make_env("probe/ConstantReward")
    algorithm = tiny.make(env)
    hp = tiny.Tiny(learning_rate=0.2, width=3, num_updates=20)
    state, _ = algorithm.chunk(algorithm.init(jax.random.key(2), hp))
    wide = whole.wide.set_index(["config", "seed", "step"])
    got = wide.loc[(3, 2, 100), "eval_return"]
    assert whole.configs.loc[3].tolist() == [0.2, 3]
    np.testing.assert_allclose(got, algorithm.evaluate(state)["eval_return"], rtol=1e-6)


@pytest.mark.parametrize("stop", [0, 1, 4, 7, 19])
def test_a_stopped_sweep_resumes_to_the_same_bytes(whole, tmp_path, stop):
    with pytest.raises(KeyboardInterrupt):
        jaxac.run(SWEEP, tmp_path / "run", StopAfter(stop))
    part = jaxac.load(tmp_path / "run")
    assert len(part.wide) < len(whole.wide)
    assert outcome(jaxac.resume(tmp_path / "run", Quiet())) == outcome(whole)


def test_a_killed_process_loses_nothing_acknowledged(whole, tmp_path):
    """kill -9 at some instant of a sweep in another process, again and again until it is done."""
    out = tmp_path / "run"
    code = (
        "import sys, time, jaxac; from tests.sweep.test_run import SWEEP, Quiet\n"
        "class Slow(Quiet):\n"
        "    def advanced(self, facts, told):\n"
        "        print(told.chunk, flush=True); time.sleep(0.05)\n"
        "jaxac.run(SWEEP, sys.argv[1], Slow())"
    )
    kills = 0
    for attempt in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(out)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if attempt < 3:
            for _ in range(8):
                process.stdout.readline()
            time.sleep(0.01 * attempt)
            process.send_signal(signal.SIGKILL)
            kills += process.wait() == -signal.SIGKILL
            before = len(jaxac.load(out).wide)
        process.communicate()
    assert kills == 3 and before > 0
    assert outcome(jaxac.load(out)) == outcome(whole)


def test_running_a_finished_sweep_again_only_reads(whole):
    times = {p: p.stat().st_mtime_ns for p in whole.path.glob("metrics/*")}
    again = jaxac.run(SWEEP, whole.path, Quiet())
    assert outcome(again) == outcome(whole)
    assert times == {p: p.stat().st_mtime_ns for p in whole.path.glob("metrics/*")}


def test_a_directory_with_another_sweep_is_refused(whole):
    other = Sweep(**{**WORDS, "total_steps": 200}, space=SPACE)
    with pytest.raises(SweepError, match="holds another sweep"):
        jaxac.run(other, whole.path, Quiet())


def test_a_directory_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(StoreError, match="is no run directory"):
        jaxac.run(SWEEP, tmp_path, Quiet())
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_wrong_sweep_leaves_no_directory(tmp_path):
    with pytest.raises(jaxac.JaxacError):
        jaxac.run(Sweep(**WORDS, fixed={"learning_rate": 11.0}), tmp_path / "run", Quiet())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("damage", ["flip a shard", "delete a shard", "flip a checkpoint"])
def test_damage_is_named_and_its_runs_are_computed_again(whole, tmp_path, damage):
    results = jaxac.run(SWEEP, tmp_path / "run", Quiet())
    folder = "checkpoints" if "checkpoint" in damage else "metrics"
    victim = sorted((results.path / folder).iterdir())[2]
    if damage.startswith("flip"):
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 1
        victim.write_bytes(data)
    else:
        victim.unlink()
    if folder == "metrics":
        with pytest.raises(StoreError, match=victim.name):
            jaxac.load(results.path).frame()
    notes = Notes()
    mended = jaxac.resume(results.path, notes)
    assert len(notes.notes) == 1 and victim.name in notes.notes[0]
    assert outcome(mended) == outcome(whole)


def test_a_diverged_run_is_told_and_its_neighbours_are_as_ever(whole, tmp_path):
    sweep = Sweep(
        **{**WORDS, "seeds": 2},
        fixed={"learning_rate": 0.1},
        space={"surge": {"choices": [0.0, float("inf"), 0.0]}},
    )
    results = jaxac.run(sweep, tmp_path / "run", Quiet())
    assert results.status.loc[1].tolist() == ["diverged"] * 2
    assert results.status.loc[0].tolist() == results.status.loc[2].tolist() == ["done"] * 2
    wide = results.wide.set_index(["config", "seed", "step"])["eval_return"]
    assert np.isfinite(wide.loc[0]).all() and not np.isfinite(wide.loc[(1, 0, 100)])
    clean = whole.wide.set_index(["config", "seed", "step"])["eval_return"]
    for seed in (0, 1):
        np.testing.assert_array_equal(wide.loc[0, seed], clean.loc[0, seed])
    assert results.table()["config"].tolist() == [0, 2, 1]


def test_two_processes_cannot_write_one_directory(whole):
    from jaxac.store.rundir import RunDirectory

    held = RunDirectory.open(whole.path, writing=True)
    try:
        with pytest.raises(StoreError, match=f"in use by process {os.getpid()}"):
            jaxac.resume(whole.path, Quiet())
        assert len(jaxac.load(whole.path).wide) == len(whole.wide)
    finally:
        held.close()


def test_resuming_with_another_plan_is_refused_by_name(whole, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(whole.path, copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["versions"]["jax"] = "0.0.1"
    text = json.dumps(manifest)
    (copy / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=r"manifest\.json is damaged"):
        jaxac.load(copy)
    ledger = Ledger.open(copy / "ledger.sqlite")
    ledger.keep_document("manifest", text)
    ledger.close()
    with pytest.raises(StoreError, match=r"jax: 0\.0\.1 then"):
        jaxac.resume(copy, Quiet())


def test_progress_says_runs_rate_and_best(capsys, tmp_path):
    jaxac.run(SWEEP, tmp_path / "run", Plain(interval=0.0))
    lines = capsys.readouterr().out.splitlines()
    assert "6 configurations x 3 seeds" in lines[0] and "2 programs" in lines[0]
    assert "18/18 runs" in lines[-1] and "env steps/s" in lines[-1]
    assert "best" in lines[-1] and "learning_rate=" in lines[-1]


def test_a_directory_that_lost_its_manifest_is_not_begun_again(whole, tmp_path):
    shutil.copytree(whole.path, tmp_path / "run")
    (tmp_path / "run/manifest.json").unlink()
    with pytest.raises(StoreError, match=r"has lost its manifest\.json.*jaxac resume"):
        jaxac.run(SWEEP, tmp_path / "run", Quiet())
    notes = Notes()
    assert outcome(jaxac.resume(tmp_path / "run", notes)) == outcome(whole)
    assert "manifest.json" in notes.notes[0]


def test_reading_results_changes_nothing_on_disk(whole):
    before = {p: p.stat().st_mtime_ns for p in whole.path.rglob("*")}
    outcome(jaxac.load(whole.path))
    assert {p: p.stat().st_mtime_ns for p in whole.path.rglob("*")} == before


def test_what_a_killed_writer_left_is_cleared_away(whole, tmp_path):
    shutil.copytree(whole.path, tmp_path / "run")
    litter = [
        tmp_path / "run/metrics/.batch-00000-chunk-00009.parquet.1.partial",
        tmp_path / "run/checkpoints/batch-00000-chunk-00001.safetensors",
    ]
    for file in litter:
        file.write_bytes(b"x")
    assert outcome(jaxac.resume(tmp_path / "run", Quiet())) == outcome(whole)
    assert not any(file.exists() for file in litter)


def test_progress_counts_what_was_found_on_disk(whole, tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        jaxac.run(SWEEP, tmp_path / "run", StopAfter(12))
    jaxac.resume(tmp_path / "run", Plain(interval=0.0))
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split("%")[0].strip() == "47" and "6/18 runs" in lines[1]
    assert "18/18 runs" in lines[-1]


def test_results_show_themselves(whole):
    assert repr(whole).endswith("18/18 runs)")
    assert "IQM" in whole._repr_markdown_()
    assert whole.hp(0)["learning_rate"] == 0.1


def test_infinities_and_operators_survive_resuming_in_a_fresh_process(tmp_path):
    """The manifest is JSON, which has neither; the plan made from it must be the same."""
    sweep = Sweep(
        algorithm="ppo",
        env="probe/ConstantReward",
        total_steps=64,
        evaluations=1,
        fixed={
            "target_kl": float("inf"),
            "surrogate": tiny.Push(),
            "learning_rate": Linear(1e-3, 0.0),
            "num_envs": 4,
            "num_steps": 8,
            "net.hidden": (4,),
        },
    )
    jaxac.run(sweep, tmp_path / "run", Quiet())
    done = subprocess.run(
        [
            *(sys.executable, "-m", "jaxac.cli.main", "resume", str(tmp_path / "run"), "--quiet"),
            *("--import", "tests.sweep.tiny"),  # nothing is imported on a directory's word
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "| rank |" in done.stdout
