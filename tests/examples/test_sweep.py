"""The example sweep, as a file and in Python, is one and the same."""

import dataclasses
import importlib.util
from pathlib import Path

import pytest

import jaxac
from jaxac.sweep import spec
from jaxac.sweep.plan import make_plan

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture
def in_python():
    found = importlib.util.spec_from_file_location("example_sweep", EXAMPLES / "sweep.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_both_have_one_hash(in_python):
    in_toml = spec.from_toml(EXAMPLES / "sweep.toml")
    assert in_python.SWEEP.hash == in_toml.hash
    assert in_python.SWEEP.to_json() == in_toml.to_json()


def test_the_plan_has_two_groups(in_python):
    plan = make_plan(in_python.SWEEP)
    assert plan.num_runs == 16 and len(plan.groups) == 2


def test_the_program_runs(in_python, tmp_path, monkeypatch, capsys):
    """A tiny sweep of the same words; quick, since one width is one program."""
    small = {"num_envs": 4, "num_steps": 25, "eval_episodes": 2}
    space = {**in_python.SWEEP.space, "net.hidden": [[8]]}
    tiny = dataclasses.replace(
        in_python.SWEEP,
        total_steps=200,
        configs=2,
        fixed={**in_python.SWEEP.fixed, **small},
        space=space,
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(in_python, "SWEEP", tiny)
    in_python.main()
    (folder,) = (tmp_path / "runs").iterdir()
    assert len(jaxac.load(folder).table()) == 2
    assert "sensitivity.png" in capsys.readouterr().out
