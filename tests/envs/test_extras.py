import importlib
import importlib.metadata
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from jaxac import registry
from jaxac.envs.adapters import extras
from jaxac.errors import EnvError

ROOT = Path(__file__).resolve().parents[2]
SUITES = [x for x in extras.EXTRAS if x != "gymnax"]  # which is a plain dependency
ADAPTERS = {suite: registry.SUITES[suite] for suite in SUITES}
OWN = {"mjx": ("mujoco", "gymnasium"), "playground": ("mujoco", "mujoco_playground")}
LISTING = """
import importlib, json, sys
ids = {x: importlib.import_module(x).ids() for x in sys.argv[1:]}
print(json.dumps([ids, sorted({x.partition(".")[0] for x in sys.modules})]))
"""


def installed(monkeypatch, versions):
    """As if these were the versions installed, and nothing else."""

    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_requirements_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]
    for suite in SUITES:
        assert tuple(optional[suite]) == extras.EXTRAS[suite], suite
    assert set(extras.EXTRAS["gymnax"]) <= set(project["dependencies"])
    everything = Requirement(optional["envs"][0])
    assert everything.name == "jaxac" and everything.extras == set(SUITES)


def test_a_missing_package_is_an_error_with_the_command_that_installs_it(monkeypatch):
    installed(monkeypatch, {})
    with pytest.raises(EnvError) as error:
        extras.load("navix", "navix")
    assert str(error.value) == (
        "the navix environments need navix, which is not installed; "
        "python -m pip install 'navix>=0.7.4,<0.8'"
    )


def test_another_version_is_an_error_that_names_it_and_those_that_work(monkeypatch):
    installed(monkeypatch, {"mujoco": "4.0.1", "mujoco-mjx": "3.16.0", "gymnasium": "1.1"})
    with pytest.raises(EnvError) as error:
        extras.load("mjx", "mujoco")
    assert "work with mujoco-mjx" in str(error.value) and "but 3.16.0 is installed" in str(
        error.value
    )
    assert "'mujoco>=4.0,<4.1' 'mujoco-mjx" in str(error.value)


def test_a_package_that_does_not_import_is_an_error(monkeypatch):
    installed(monkeypatch, {"navix": "0.7.4"})
    with pytest.raises(EnvError, match=r"navix is installed but cannot be imported .*no_such"):
        extras.load("navix", "no_such_module_of_navix")


def test_what_is_asked_for_is_what_comes_back(monkeypatch):
    installed(monkeypatch, {"navix": "0.7.4"})
    assert extras.load("navix", "json") is json
    assert extras.load("navix", "json", "sys") == [json, sys]


@pytest.mark.parametrize("suite", ADAPTERS)
def test_every_suite_says_what_it_lacks(monkeypatch, suite):
    adapter = importlib.import_module(ADAPTERS[suite])
    installed(monkeypatch, {})
    with pytest.raises(EnvError, match=f"the {suite} environments need .*pip install"):
        adapter.make(adapter.ids()[0])


def test_listing_the_environments_imports_no_suite():
    """In a fresh process."""
    command = [sys.executable, "-c", LISTING, *ADAPTERS.values()]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    listed, modules = json.loads(out)
    for suite, module in ADAPTERS.items():
        packages = OWN.get(suite, (suite,))
        assert not set(packages) & set(modules), suite
        assert listed[module] and len(set(listed[module])) == len(listed[module])


def test_what_a_suite_only_draws_with_is_loaded_when_it_draws(tmp_path, monkeypatch):
    (tmp_path / "heavy_paint.py").write_text("colour = 'red'\n")
    (tmp_path / "light_suite.py").write_text("import heavy_paint as paint\n")
    monkeypatch.syspath_prepend(tmp_path)
    with extras.deferred("heavy_paint"):
        suite = importlib.import_module("light_suite")
    assert "heavy_paint" not in sys.modules
    assert suite.paint.colour == "red" and "heavy_paint" in sys.modules
    real = sys.modules["heavy_paint"]
    with extras.deferred("heavy_paint"):
        assert importlib.import_module("heavy_paint") is real
    for name in ("heavy_paint", "light_suite"):
        del sys.modules[name]
