"""Run directories that earlier versions wrote stay readable."""

import shutil
from pathlib import Path

import pytest

from jaxac.store.ledger import Ledger
from jaxac.store.rundir import RunDirectory
from jaxac.store.schema import MIGRATIONS, SCHEMA

from .golden.make import shown

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = [*MIGRATIONS, SCHEMA]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_directory_of_an_earlier_version_shows_what_it_showed(version, tmp_path):
    shutil.copytree(GOLDEN / f"schema-{version}", tmp_path / "golden")
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()}
    expected = (tmp_path / "golden/shown.csv").read_text()
    assert shown(tmp_path / "golden/run") == expected
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("version", VERSIONS)
def test_a_writer_makes_it_one_of_this_version_and_it_shows_the_same(version, tmp_path):
    shutil.copytree(GOLDEN / f"schema-{version}", tmp_path / "golden")
    expected = (tmp_path / "golden/shown.csv").read_text()
    path = tmp_path / "golden/run"
    for _ in range(2):
        directory = RunDirectory.open(path, writing=True)
        assert directory.mended == [] and directory.damaged() == []
        directory.close()
        assert shown(path) == expected
    ledger = Ledger.open(path / "ledger.sqlite", writing=False)
    assert ledger._all("select value from meta where key = 'schema'") == [(str(SCHEMA),)]
    ledger.close()
