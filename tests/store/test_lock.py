"""One sweep at a time: who holds a directory is told, and the dead hold nothing."""

import os
import socket
import subprocess
import sys
import time

import pytest

from jaxac.errors import StoreError
from jaxac.store import lock

HOLD = (
    "import sys, time, pathlib; from jaxac.store import lock\n"
    "lock.take(pathlib.Path(sys.argv[1])); print(flush=True); time.sleep(60)"
)


@pytest.fixture
def holder(tmp_path):
    """Another process that has the lock."""
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline()
        yield process
        process.kill()


def test_the_second_is_told_who_holds_it_since_when(tmp_path, holder):
    words = rf"in use by process {holder.pid} of .+ on {socket.gethostname()} since \d{{4}}-"
    with pytest.raises(StoreError, match=words):
        lock.take(tmp_path)


def test_a_lock_whose_holder_was_killed_is_taken_over_and_says_so(tmp_path, holder):
    holder.kill()
    holder.wait()
    taken, left_by = lock.take(tmp_path)
    assert left_by.startswith(f"process {holder.pid} of ")
    lock.release(taken)


def test_a_lock_that_was_released_was_left_by_nobody(tmp_path):
    lock.release(lock.take(tmp_path)[0])
    taken, left_by = lock.take(tmp_path)
    assert left_by == ""
    lock.release(taken)


def test_the_workers_of_a_dead_sweep_are_waited_for(tmp_path):
    """A process that inherited the lock holds it on after its parent's death."""
    code = (
        "import os, sys, pathlib, subprocess; from jaxac.store import lock\n"
        "held, _ = lock.take(pathlib.Path(sys.argv[1]))\n"
        "subprocess.Popen(['sleep', '1.5'], pass_fds=[held]); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    began = time.monotonic()
    with pytest.raises(StoreError, match="in use by process"):
        lock.take(tmp_path, wait=0.2)
    taken, left_by = lock.take(tmp_path)
    assert time.monotonic() - began > 0.5 and left_by.startswith("process ")
    lock.release(taken)


@pytest.mark.parametrize("text", ["", "nonsense", "process -1 of x on y since z", "\x1b[2J" * 50])
def test_whatever_the_lock_says_it_is_never_taken_from_who_holds_it(tmp_path, text):
    held, _ = lock.take(tmp_path)
    os.truncate(held, 0)
    os.pwrite(held, text.encode(), 0)
    with pytest.raises(StoreError, match="is in use by") as told:
        lock.take(tmp_path, wait=0.1)
    assert "\x1b" not in str(told.value)
    lock.release(held)
