"""Every seventh place where a sweep writes; `python -m benchmarks.faults` tries them all."""

import pytest

from . import disk, ground


@pytest.mark.parametrize("name", ground.SWEEPS)
def test_a_disk_that_fills_up_anywhere_is_told_and_loses_nothing(name):
    sites = disk.sites(name)
    assert sites > 100
    for site in range(0, sites, 7):
        disk.fill(name, site)
