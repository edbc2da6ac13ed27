import errno
import os

import pytest

from jaxac.errors import StoreError
from jaxac.store import files


def full_disk(monkeypatch, call):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, fail)


def test_what_is_written_is_read_back(tmp_path):
    seal = files.write(tmp_path / "a", b"data")
    assert files.read(tmp_path / "a", seal) == b"data"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, call):
    seal = files.write(tmp_path / "a", b"old")
    full_disk(monkeypatch, call)
    with pytest.raises(StoreError, match=r"disk is full.*jaxac resume"):
        files.write(tmp_path / "a", b"new")
    assert files.read(tmp_path / "a", seal) == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("damage", [b"", b"dat", b"dbta", b"data."])
def test_damage_is_named(tmp_path, damage):
    seal = files.write(tmp_path / "a", b"data")
    (tmp_path / "a").write_bytes(damage)
    with pytest.raises(StoreError, match=r"a is damaged.*jaxac resume"):
        files.read(tmp_path / "a", seal)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StoreError, match="cannot be read"):
        files.read(tmp_path / "a", "")
