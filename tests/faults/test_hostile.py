"""Files that mean harm."""

import sys

import pytest

from . import hostile


@pytest.mark.parametrize("kind", hostile.KINDS)
def test_a_hostile_directory_is_refused_in_little_memory_and_runs_nothing(kind, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    hostile.refused(kind)


@pytest.mark.parametrize("text", hostile.TOML.values(), ids=hostile.TOML.keys())
def test_a_hostile_sweep_file_is_refused(text):
    assert len(hostile.toml(text)) < 2000
