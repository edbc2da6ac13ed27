import json

from jaxac.cli.main import main


def test_doctor_says_what_there_is(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("jaxac.sweep.cache.folder", lambda: tmp_path)
    (tmp_path / "program").write_bytes(b"x" * 2**20)
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["packages"]["jax"].startswith("0.10") and found["cores"] >= 1
    assert found["suites"]["gymnax"].startswith("1.0")
    assert found["compiled programs"] == f"1 files, 1.0 MiB in {tmp_path}"
    assert main(["doctor"]) == 0
    assert "devices: cpu" in capsys.readouterr().out


def test_a_suite_that_is_missing_or_was_not_tried_is_told(capsys, monkeypatch):
    wrong = {"one": ("no-such-package>=1",), "other": ("numpy<1",)}
    monkeypatch.setattr("jaxac.envs.adapters.extras.EXTRAS", wrong)
    assert main(["doctor", "--json"]) == 0
    suites = json.loads(capsys.readouterr().out)["suites"]
    assert suites["one"] == "missing" and suites["other"].endswith("(not tried)")
