"""A small count of what `python -m benchmarks.faults` does at length."""

import pytest

from . import kills


@pytest.mark.parametrize("case", range(10))
def test_a_sweep_that_is_killed_at_any_instant_resumes_to_the_same_table(case):
    kills.kill(case)


def test_a_sweep_whose_workers_lose_their_parent_resumes_to_the_same_table():
    kills.kill(1, workers=2)


def test_eight_writers_that_are_killed_lose_and_double_nothing():
    assert kills.kill_writers(2) > kills.WRITERS
