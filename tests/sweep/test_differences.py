"""A sweep that is resumed elsewhere: what differs is named, and refused where numbers could."""

import functools
import json
import shutil

import pytest

import jaxac
from jaxac.errors import StoreError
from jaxac.store.ledger import Ledger
from jaxac.sweep.spec import Sweep
from tests.faults.ground import Notes


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    sweep = Sweep("tests.sweep.tiny:RECORD", "probe/ConstantReward", 100, evaluations=1)
    return jaxac.run(sweep, tmp_path_factory.mktemp("differs") / "run", Notes(), workers=0).path


def begun_elsewhere(finished, folder, part, value):
    """A copy that was begun where a part of the manifest was another."""
    shutil.copytree(finished, folder / "run")
    ledger = Ledger.open(folder / "run/ledger.sqlite")
    manifest = json.loads(ledger.manifest)
    *owners, name = part.split("/")
    functools.reduce(lambda x, key: x[key], owners, manifest)[name] = value
    text = json.dumps(manifest)
    ledger.keep_document("manifest", text)
    ledger.close()
    (folder / "run/manifest.json").write_text(text)
    return folder / "run"


NUMBERS = {
    "versions/jax": ("0.0.1", r"jax: 0\.0\.1 then"),
    "versions/optax": ("0.0.1", r"optax: 0\.0\.1 then"),
    "versions/jaxac": ("0.0.1", r"jaxac: 0\.0\.1 then"),
    "device/kind": ("an abacus", "device: .*an abacus.* then"),
    "settings/XLA_FLAGS": ("--xla_nothing", "settings: .* then"),
}


@pytest.mark.parametrize("part", NUMBERS)
def test_where_other_numbers_would_come_out_it_goes_on_only_if_that_is_wanted(
    finished, tmp_path, part
):
    value, words = NUMBERS[part]
    path = begun_elsewhere(finished, tmp_path, part, value)
    with pytest.raises(StoreError, match=rf"cannot be resumed exactly: {words}.*--anyway"):
        jaxac.resume(path, Notes(), workers=0)
    notes = Notes()
    jaxac.resume(path, notes, workers=0, anyway=True)
    assert len(notes.notes) == 1 and value in notes.notes[0]
    ledger = Ledger.open(path / "ledger.sqlite", writing=False)
    assert value in ledger.events("differs")[0]
    ledger.close()


@pytest.mark.parametrize("part", ["revision", "cpu", "versions/python", "versions/numpy"])
def test_what_may_matter_is_told(finished, tmp_path, part):
    path, notes = begun_elsewhere(finished, tmp_path, part, "another"), Notes()
    jaxac.resume(path, notes, workers=0)
    assert notes.notes[0].startswith("not as it was when the sweep began: ")
    assert "another then" in notes.notes[0]


@pytest.mark.parametrize("part", ["hash", "groups", "configs"])
def test_another_plan_is_never_gone_on_with(finished, tmp_path, part):
    path = begun_elsewhere(finished, tmp_path, part, [])
    with pytest.raises(StoreError, match=f"{part}: \\[\\] then"):
        jaxac.resume(path, Notes(), workers=0, anyway=True)
