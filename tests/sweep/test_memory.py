"""Where memory is short, a batch advances in parts; nothing is lost."""

import json
import math
import os
import subprocess
import sys

import jax
import numpy as np
import pytest

import jaxac
from jaxac.errors import SweepError
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import device, lanes
from jaxac.sweep.spec import Sweep
from tests.sweep.test_run import ROOT, WORDS, Notes, Quiet, outcome

SWEEP = Sweep(**{**WORDS, "lanes": None, "seeds": 7})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return outcome(jaxac.run(SWEEP, tmp_path_factory.mktemp("whole") / "run", Quiet()))


class Short:
    """A device whose memory holds `most` lanes: wider programs fail after `chunks` of them."""

    def __init__(self, monkeypatch, most, chunks=0, compiles=True):
        self.most, self.left, self.widths, self.compiles = most, chunks, [], compiles
        self.compile = lanes.compile_program
        monkeypatch.setattr(lanes, "compile_program", self)

    def __call__(self, plan, group, width):
        if width > self.most and not self.compiles:
            self.widths.append(width)
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9")
        made = self.compile(plan, group, width)
        advance = made.advance

        def short(states):
            self.left -= 1
            out = advance(states)  # which takes the states, as running out of memory does
            if width > self.most and self.left < 0:
                raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9")
            return out

        self.widths.append(width)
        made.advance = short
        return made


@pytest.mark.parametrize("chunks", [0, 3])
def test_a_batch_that_runs_out_of_memory_goes_on_from_its_last_checkpoint_in_parts(
    whole, tmp_path, monkeypatch, chunks
):
    short, notes = Short(monkeypatch, 2, chunks), Notes()
    results = jaxac.run(SWEEP, tmp_path / "run", notes)
    assert outcome(results) == whole
    assert short.widths == [7, 4, 2]
    first, second = notes.notes
    assert "4 lanes at a time" in first and "2 lanes at a time" in second
    directory = RunDirectory.open(tmp_path / "run")
    told = [json.loads(x) for x in directory.ledger.events("narrowed")]
    assert [(x["group"], x["lanes"]) for x in told] == [(0, 4), (0, 2)]
    assert "RESOURCE_EXHAUSTED" in told[0]["why"]
    directory.close()


def test_a_program_that_cannot_be_compiled_for_lack_of_memory_is_narrowed(
    whole, tmp_path, monkeypatch
):
    short, notes = Short(monkeypatch, 2, compiles=False), Notes()
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", notes)) == whole
    assert short.widths == [7, 4, 2] and len(notes.notes) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not limit address space so")
def test_a_process_that_the_system_gives_no_more_memory_goes_on_in_parts(tmp_path):
    """Nothing is pretended here: eight lanes need 1 GiB at least, and there are three quarters."""
    code = (
        "import dataclasses, resource, sys, jaxac\n"
        "from jaxac.sweep import device\n"
        "from tests.sweep.test_memory import SWEEP, Notes, outcome\n"
        "device.free_bytes = lambda: 2**60  # the program's own account must not help\n"
        "device.is_cpu = lambda: False  # all lanes at once, as on an accelerator\n"
        "class Limit(Notes):\n"
        "    def training(self, batch):\n"
        "        used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "        resource.setrlimit(resource.RLIMIT_AS, (used + 3 * 2**28, -1))\n"
        "notes = Limit()\n"
        "sweep = dataclasses.replace(SWEEP, algorithm='tests.sweep.tiny:HUNGRY', total_steps=10,\n"
        "                            evaluations=1, seeds=8)\n"
        "results = jaxac.run(sweep, sys.argv[1], notes)\n"
        "print(set(results.status), *notes.notes)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "run")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("{'done'} out of memory with 8 lanes"), done.stderr


def test_a_sweep_that_resumes_remembers_how_wide_it_may_be(whole, tmp_path, monkeypatch):
    short = Short(monkeypatch, 2, 2)

    class Stop(Quiet):
        def advanced(self, facts, told):
            if told.chunk == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        jaxac.run(SWEEP, tmp_path / "run", Stop())
    short.widths.clear()
    assert outcome(jaxac.resume(tmp_path / "run", Quiet())) == whole
    assert short.widths == [2]


def test_a_program_that_would_not_fit_is_narrowed_before_it_runs(whole, tmp_path, monkeypatch):
    """By the compiled program's own account of its memory."""
    short = Short(monkeypatch, math.inf)
    needed = {}

    def compile_program(plan, group, width):
        made = short(plan, group, width)
        needed[width] = made.bytes
        monkeypatch.setattr(device, "free_bytes", lambda: needed[7] - 1)
        return made

    monkeypatch.setattr(lanes, "compile_program", compile_program)
    notes = Notes()
    assert outcome(jaxac.run(SWEEP, tmp_path / "run", notes)) == whole
    assert short.widths == [7, 4] and needed[4] < needed[7]
    assert len(notes.notes) == 1


def test_one_run_that_does_not_fit_is_told_in_words(tmp_path, monkeypatch):
    Short(monkeypatch, 0)
    with pytest.raises(SweepError, match="does not hold a single run of group 0"):
        jaxac.run(SWEEP, tmp_path / "run", Quiet())


def test_other_errors_of_the_device_are_not_taken_for_a_lack_of_memory(tmp_path, monkeypatch):
    def compile_program(plan, group, width):
        def broken(states):
            raise jax.errors.JaxRuntimeError("INTERNAL: broken")

        made = compile_real(plan, group, width)
        made.advance = broken
        return made

    compile_real = lanes.compile_program
    monkeypatch.setattr(lanes, "compile_program", compile_program)
    with pytest.raises(jax.errors.JaxRuntimeError, match="INTERNAL"):
        jaxac.run(SWEEP, tmp_path / "run", Quiet())


def test_parts_are_joined_in_order_and_the_last_is_filled_up():
    seen = []

    def function(x, keys):
        seen.append(x.shape[0])
        return {"x": x * 2, "keys": keys}

    keys = jax.random.split(jax.random.key(0), 7)
    x = np.arange(7.0, dtype=np.float32)
    got = lanes.in_parts(function, 3, x, keys)
    assert seen == [3, 3, 3]
    np.testing.assert_array_equal(got["x"], 2 * x)
    np.testing.assert_array_equal(jax.random.key_data(got["keys"]), jax.random.key_data(keys))
