"""What a run directory says loads no code."""

import json
import sys
from pathlib import Path

import pytest

from jaxac import modules
from jaxac.errors import JaxacError, RegistryError, SweepError
from jaxac.sweep import spec
from tests.sweep import tiny

WORDS = {
    "algorithm": tiny.RECORD.make.replace(":make", ":RECORD"),
    "env": "probe/ConstantReward",
    "total_steps": 100,
    "configs": 2,
    "space": {"learning_rate": {"low": 0.1, "high": 1.0}},
}
CODE = "antigravity:Thing"  # importing it would open a browser
ESCAPED = 'FrameStack(num={op="anti\\u0067ravity:Thing"})'


def held(**changes):
    words = json.loads(json.dumps(spec.Sweep(**WORDS).to_json()))
    return spec.held_sweep({"sweep": {**words, **changes}}, Path("runs/mine"))


def test_a_sweep_whose_code_is_imported_is_read_back():
    assert held() == spec.Sweep(**WORDS)


@pytest.mark.parametrize("name", [CODE, "lost_package.algos:RECORD"])
@pytest.mark.parametrize(
    "changes",
    [
        lambda name: {"algorithm": name},
        lambda name: {"algorithm": ["ppo", name]},
        lambda name: {"env": name},
        lambda name: {"scheduler": {"op": name}},
        lambda name: {"scheduler": name},
        lambda name: {"wrappers": [{"op": name}]},
        lambda name: {"wrappers": [f"{name}(x=1)"]},
        lambda name: {"wrappers": [f'FrameStack(num={{op="{name}"}})']},
        lambda name: {"fixed": {"surrogate": name}},
        lambda name: {"fixed": {"surrogate": {"op": name, "low": 0.1}}},
        lambda name: {"space": {"surrogate": ["Clip", {"op": name}]}},
        lambda name: {"space": {"surrogate": {"choices": [name]}}},
        lambda name: {"configs": [{"surrogate": {"op": "Clip", "low": {"op": name}}}], "space": {}},
        lambda name: {"env_params": {"gravity": {"choices": [{"op": name}]}}},
    ],
    ids=range(14),
)
def test_words_of_a_run_directory_import_nothing(changes, name, monkeypatch):
    monkeypatch.setattr(sys, "stdlib_module_names", frozenset())  # for the other message
    with pytest.raises(RegistryError) as caught:
        held(**changes(name))
    module = name.partition(":")[0]
    assert f"jaxac resume runs/mine --import {module}" in str(caught.value)
    assert module not in sys.modules


def test_toml_escapes_hide_no_name():
    with pytest.raises(RegistryError, match="antigravity"):
        held(wrappers=[ESCAPED])
    assert "antigravity" not in sys.modules


def test_a_module_that_is_not_imported_any_more_is_asked_for(monkeypatch):
    monkeypatch.delitem(sys.modules, "tests.sweep.tiny")
    with pytest.raises(RegistryError, match=r"--import tests\.sweep\.tiny"):
        held()


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ("os:abort", "names os of Python's library"),
        ("json.tool:main", "of Python's library"),
        ("jaxac.cli.main:main", "is no environment"),
        ("jaxac:resume", "is no environment"),
    ],
)
def test_an_environment_of_a_run_directory_is_no_other_function(env, words):
    with pytest.raises(RegistryError, match=words):
        held(env=["probe/ConstantReward", env])


@pytest.mark.parametrize(
    "manifest",
    [{}, {"sweep": 3}, {"sweep": {}}, {"sweep": {"env": 3}}, {"sweep": {"wrappers": 3, "env": {}}}],
    ids=range(5),
)
def test_a_manifest_without_a_sweep_is_told(manifest):
    with pytest.raises(SweepError, match="runs/mine"):
        spec.held_sweep(manifest, Path("runs/mine"))


def test_a_manifest_that_nests_deeply_is_refused():
    words = {"fixed": {}}
    for _ in range(500):
        words = {"fixed": words}
    with pytest.raises(JaxacError, match="32 levels"):
        held(**words)


def test_modules_are_found_wherever_they_are_named():
    words = {
        "algorithm": "my.algos:RECORD",
        "fixed": {"surrogate": {"op": "jaxac.ops.surrogate:Clip", "low": {"op": "a:B"}}},
        "wrappers": ({"op": "TimeAware"}, {"op": "c:D"}),
        "name": "not: this",
    }
    assert modules.named(words) == {"my.algos", "a", "c"}


@pytest.mark.parametrize("name", ["no_such_module", "", ".x", "a\0b"])
def test_a_module_that_cannot_be_loaded_is_an_error_of_ours(name):
    with pytest.raises(RegistryError, match="cannot import"):
        modules.load([name])
    modules.load(["tests.sweep.tiny"])
