"""`jaxac verify`: the exit status, the names, the way to mend."""

import json
import shutil

import pytest

import jaxac
from jaxac.cli.main import main
from jaxac.store.verify import verify
from jaxac.sweep.progress import Quiet
from jaxac.sweep.spec import Sweep


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    sweep = Sweep("tests.sweep.tiny:RECORD", "probe/ConstantReward", 100, seeds=2, evaluations=5)
    return jaxac.run(sweep, tmp_path_factory.mktemp("verify") / "run", Quiet(), workers=0).path


@pytest.fixture
def copy(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "run")
    return tmp_path / "run"


def test_a_sound_directory_is_said_to_be(copy, capsys):
    (copy / "notes.txt").write_text("mine")
    before = {p: p.stat().st_mtime_ns for p in copy.rglob("*")}
    assert main(["verify", str(copy)]) == 0
    said = capsys.readouterr().out
    assert "sound; 4 files" in said and "5 chunks" in said and "notes.txt" in said
    assert {p: p.stat().st_mtime_ns for p in copy.rglob("*")} == before


NAMES = ("metrics/*", "checkpoints/*", "manifest.json", "ledger.sqlite", "ledger.copy")


@pytest.mark.parametrize("name", [*NAMES, "ledger.count"])
def test_whatever_is_damaged_is_named_with_the_command_that_mends(copy, capsys, name):
    (file,) = copy.glob(name)
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x40
    file.write_bytes(data)
    assert main(["verify", str(copy)]) == 1
    said = capsys.readouterr().out
    assert "damaged" in said and file.name in said
    assert said.endswith(f"jaxac resume {copy}\n")
    assert main(["resume", str(copy), "--quiet"]) == 0
    assert main(["verify", str(copy)]) == 0


def test_the_verdict_is_there_as_json(copy, capsys):
    next((copy / "metrics").iterdir()).unlink()
    assert main(["verify", str(copy), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)[str(copy)]
    assert len(found["problems"]) == 1 and found["chunks"] == 5


def test_rows_that_are_lost_behind_the_seals_are_noticed(copy):
    from jaxac.store import rundir, shards
    from jaxac.store.ledger import Ledger
    from tests.faults.hostile import as_shard

    ledger = Ledger.open(copy / "ledger.sqlite", writing=False)
    ((_, table),) = rundir.read_rows(copy, ledger.chunks())
    ledger.close()
    as_shard(copy, shards.merged([table.slice(0, len(table) - 1)]))
    assert "other rows than one for each" in verify(copy).problems[0]


def test_no_run_directory_is_told(tmp_path, capsys):
    assert main(["verify", str(tmp_path)]) == 1
    assert "is not a run directory" in capsys.readouterr().err
