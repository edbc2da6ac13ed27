"""A small count of what `python -m benchmarks.faults` does at length."""

import pytest

from . import damage


@pytest.mark.parametrize("case", range(50))
def test_a_flipped_bit_is_named_or_harmless_and_always_mended(case):
    damage.flip(case)


@pytest.mark.parametrize("case", range(20))
def test_a_file_that_is_cut_off_is_named_or_harmless_and_always_mended(case):
    damage.cut(case)


@pytest.mark.parametrize("case", range(10))
def test_a_torn_end_is_mended(case):
    damage.tear(case)


def test_the_campaigns_meet_damage_of_both_kinds():
    assert {damage.flip(case) for case in range(30)} == {"detected", "harmless"}
