"""Sweeps in worker processes: the same tables, whatever happens to a worker."""

import dataclasses
import os
import signal
import subprocess
import sys

import pytest

import jaxac
from jaxac.errors import SweepError
from jaxac.sweep.progress import Quiet

from .test_run import ROOT, SWEEP, Notes, outcome


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return outcome(jaxac.run(SWEEP, tmp_path_factory.mktemp("inline") / "run", Quiet()))


def workers_of(pid):
    """Process numbers of a sweep's workers."""
    found = subprocess.run(
        ["pgrep", "-P", str(pid), "-f", "engines.worker"], capture_output=True, text=True
    )
    return [int(x) for x in found.stdout.split()]


class Killer(Notes):
    """Kills a worker after the first, fifth and ninth chunk."""

    def __init__(self):
        super().__init__()
        self.chunks = 0

    def advanced(self, facts, told):
        self.chunks += 1
        if self.chunks in (1, 5, 9):
            os.kill(workers_of(os.getpid())[0], signal.SIGKILL)


def test_two_workers_give_the_table_of_one_process(whole, tmp_path):
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", Quiet(), workers=2)) == whole


def test_workers_that_are_killed_are_replaced_and_nothing_is_lost(whole, tmp_path):
    notes = Killer()
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", notes, workers=2)) == whole
    assert len(notes.notes) == 3 and "killed by signal 9" in notes.notes[0]
    assert workers_of(os.getpid()) == []


def test_a_worker_that_always_dies_is_told_with_its_last_words(tmp_path):
    sweep = dataclasses.replace(SWEEP, algorithm="tests.sweep.tiny:DYING")
    with pytest.raises(SweepError, match=r"ended with status 7, 3 times(.|\n)*out of luck"):
        jaxac.run(sweep, tmp_path / "run", Quiet(), workers=1)


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_finishes_the_chunk_and_says_how_to_go_on(whole, tmp_path, workers):
    code = (
        "import sys, time; from jaxac.cli import main; from tests.sweep.test_run import SWEEP\n"
        "from jaxac.sweep import run; from jaxac.sweep.progress import Quiet\n"
        "class Told(Quiet):\n"
        "    def advanced(self, facts, told):\n"
        "        print('chunk', flush=True)\n"
        "        time.sleep(0.3)  # workers are ahead of what has been read of them\n"
        "    def noted(self, text): print(text, flush=True)\n"
        "try: run.run(SWEEP, sys.argv[1], Told(), workers=int(sys.argv[2]))\n"
        "except KeyboardInterrupt as error: print('resume', error); sys.exit(130)\n"
    )
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(out), str(workers)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=120)
    lines = rest.splitlines()
    assert process.returncode == 130 and f"resume {out}" == lines[-1]
    told = 3 + lines.count("chunk")
    part = jaxac.load(out)
    assert len(part._chunks) == told < 30, "every chunk that was told is acknowledged, and no more"
    assert "Ctrl-C again stops at once" in rest
    assert outcome(jaxac.resume(out, Quiet())) == whole
