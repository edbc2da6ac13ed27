"""`jaxac check-env` prints every finding, and its status says whether there is an error."""

import json

import pytest

from jaxac.cli.main import main

MODULE = """
import jax
import jax.numpy as jnp

from jaxac.core import field, frozen
from jaxac.envs import Box, Discrete, Env, TimeStep


@frozen
class Params:
    pay: float = field(1.0, "reward of action 1")


def reset(key, params):
    del key
    return jnp.int32(0), jnp.zeros(1)


def step(key, state, action, params):
    del key
    state = state + 1
    reward = params.pay * (action == 1)
    return state, TimeStep(jnp.zeros(1), reward, state >= 10, jnp.zeros((), bool))


def make():
    return Env("Pay", reset, step, Params(), Box((1,)), Discrete(2), lambda params: 100)


def make_broken():
    def render(state, params):
        return None

    space = Box((2,), low=1.0, high=-1.0)
    return Env("Broken", reset, step, Params(), space, Discrete(2), lambda params: 9, render=render)


def make_noted():
    def step_(key, state, action, params):
        print("stepping")
        return step(key, state, action, params)

    return Env("Noted", reset, step_, Params(), Box((1,)), Discrete(2), lambda params: 100)


def make_sized(size):
    return make()


def make_raising():
    raise OSError("the level file is missing")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("modules")
    (path / "paying_env.py").write_text(MODULE)
    (path / "unfinished_env.py").write_text("def make(:\n")
    (path / "needy_env.py").write_text("import no_such_package_of_anyone\n")
    (path / "quitting_env.py").write_text("raise SystemExit(2)\n")
    return path


@pytest.fixture(autouse=True)
def on_path(folder, monkeypatch):
    monkeypatch.syspath_prepend(str(folder))


def test_a_sound_environment_leads_to_the_command_that_trains_on_it(capsys):
    assert main(["check-env", "paying_env:make", "--steps", "32"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("paying_env:make: nothing is wrong\nchecked: fields")
    assert "16 lanes of 32 steps" in " ".join(shown.split())
    assert shown.splitlines()[-1] == "go on with: jaxac train ppo --env paying_env:make"


def test_all_findings_are_printed_and_an_error_is_status_1(capsys):
    assert main(["check-env", "paying_env:make_broken", "--steps", "0"]) == 1
    shown = capsys.readouterr().out
    assert "2 errors" in shown and "box-bounds" in shown and "obs-shape" in shown
    assert shown.count("mend: ") == 2
    last = shown.splitlines()[-1]
    assert last == "mend the errors, then: jaxac check-env paying_env:make_broken"


def test_a_warning_is_status_0(capsys):
    assert main(["check-env", "paying_env:make_noted", "--steps", "0"]) == 0
    shown = capsys.readouterr().out
    assert "0 errors, 1 warning" in shown and "'stepping'" in shown


def test_json_is_the_report(capsys):
    assert main(["check-env", "paying_env:make_broken", "--steps", "0", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["env"] == "paying_env:make_broken" and report["ok"] is False
    assert [f["kind"] for f in report["findings"]] == ["box-bounds", "obs-shape"]
    assert set(report["findings"][0]) == {"kind", "severity", "where", "problem", "mend"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("paying_env:make_sized", ["factory-arguments", "size"]),
        ("paying_env:make_raising", ["factory-fails", "OSError: the level file is missing"]),
        ("paying_env:Params", ["not-an-env", "returns a Params"]),
        ("unfinished_env:make", ["SyntaxError", "unfinished_env.py"]),
        ("needy_env:make", ["ModuleNotFoundError", "no_such_package_of_anyone", "needy_env.py"]),
        ("quitting_env:make", ["SystemExit"]),
    ],
)
def test_a_factory_that_fails_is_a_finding(name, words, capsys):
    assert main(["check-env", name, "--steps", "0"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert all(word in shown for word in words), shown
    assert shown.startswith(f"{name}: 1 error")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no_such_env:make"], "there is no module 'no_such_env'; install it"),
        (["paying_env:mak"], "has no 'mak'; did you mean make"),
        (["CartPole-v9"], "did you mean CartPole-v1"),
        (["probe/Truncation", "--steps", "-1"], "num_steps: -1 is negative"),
        (["probe/Truncation", "--fast"], "unknown argument"),
        (["probe/Truncation", "--wrap", "FrameStak"], "did you mean FrameStack"),
    ],
)
def test_a_bad_request_is_one_line(words, message, capsys):
    assert main(["check-env", *words]) == 1
    shown = capsys.readouterr()
    assert message in shown.err and shown.out == ""
    assert len(shown.err.strip().splitlines()) == 1


def test_any_registered_name_is_checked_wrapped_too(capsys):
    assert (
        main(["check-env", "probe/Truncation", "--wrap", "FrameStack(num=2)", "--steps", "0"]) == 0
    )
    shown = capsys.readouterr().out
    assert "--wrap 'FrameStack(num=2)'" in shown.splitlines()[-1]
