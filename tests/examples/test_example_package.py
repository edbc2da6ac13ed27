"""A package of a user's own: installed, found by name, trained, without touching jaxac."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxac.ops.surrogate import Ratio

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "examples" / "jaxac_example"
SMALL = ["--num-envs", "4", "--num-steps", "50", "--net.hidden", "[8]", "--eval-episodes", "2"]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The folder that the package was installed into; the source tree stays as it was."""
    folder = tmp_path_factory.mktemp("site")
    before = sorted(PACKAGE.iterdir())
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", "--target", str(folder), str(PACKAGE)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(PACKAGE.iterdir()) == before
    return folder


@pytest.fixture
def jaxac(installed, tmp_path):
    """Runs a command in a process that finds the installed package; returns its output."""

    def run(*words, module=("-m", "jaxac.cli.main")):
        path = os.pathsep.join([str(installed), str(ROOT)])
        done = subprocess.run(
            [sys.executable, *module, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def example(monkeypatch):
    """The package's algorithm, in this process."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    from jaxac_example import simple_po

    return simple_po


def test_commands_find_it_by_name(jaxac):
    assert "simple_po" in jaxac("algorithms")
    assert "PointMass-v0" in jaxac("envs")
    shown = jaxac("show", "simple_po")
    assert "QuadraticPenalty" in shown and "surrogate.epsilon" in shown
    assert "arXiv:2401.16025" in shown and "known deviations" in shown
    assert "mass = 1" in jaxac("envs", "PointMass-v0")


def test_its_record_imports_no_jax(jaxac):
    code = "import sys, jaxac_example; assert 'jax' not in sys.modules; print('light')"
    assert jaxac(code, module=("-c",)) == "light\n"


def test_it_trains(jaxac, tmp_path):
    words = ["train", "simple_po", "--env", "PointMass-v0", "--total-steps", "2000", "--seeds", "2"]
    own = ["--surrogate.epsilon", "0.3", "--env.mass", "2.0"]
    out = jaxac(*words, *SMALL, *own, "--quiet", "--json", "--out", str(tmp_path / "run"))
    line = json.loads(out.splitlines()[-1])
    assert line["algorithm"] == "simple_po" and line["env"] == "PointMass-v0"
    assert line["env_steps"] == 4000 and line["seeds"] == [0, 1]
    assert all(0.0 < x <= 100.0 for x in line["returns"]) and len(line["returns"]) == 2
    assert (tmp_path / "run" / "manifest.json").exists()


def test_both_are_named_directly(jaxac):
    code = (
        "import jaxac; env = jaxac.make_env('jaxac_example.point_mass:make');"
        "assert env.name == 'PointMass-v0';"
        "jaxac.make_algorithm('jaxac_example:RECORD', env); print('made')"
    )
    assert jaxac(code, module=("-c",)) == "made\n"


@pytest.mark.parametrize("advantage", [1.5, -0.5])
def test_penalty_is_the_policy_gradient_at_ratio_one_and_best_at_epsilon(example, advantage):
    gain = jax.grad(lambda x: example.QuadraticPenalty(epsilon=0.3)(x, jnp.float32(advantage)))
    np.testing.assert_allclose(gain(0.0), advantage, rtol=1e-6)
    best = jnp.log(1.0 + 0.3 * np.sign(advantage))
    np.testing.assert_allclose(gain(best), 0.0, atol=1e-6)
    further = jnp.log(1.0 + 0.4 * np.sign(advantage))
    assert gain(further) * advantage < 0.0


def test_a_wide_penalty_is_the_plain_ratio(example):
    x = jnp.linspace(-1.0, 1.0, 9), jnp.linspace(2.0, -3.0, 9)  # log_ratio, advantage
    np.testing.assert_allclose(example.QuadraticPenalty(epsilon=1e9)(*x), Ratio()(*x), rtol=1e-6)


def test_point_mass_follows_newton(monkeypatch):
    """Without drag, a constant force moves the mass as semi-implicit Euler says, by hand."""
    monkeypatch.syspath_prepend(str(PACKAGE))
    from jaxac_example import point_mass

    params = point_mass.PointMassParams(mass=2.0, drag=0.0)
    key = jax.random.key(0)
    state, obs = point_mass.reset(key, params)
    np.testing.assert_array_equal(obs, [0.0, 0.0, state.goal])
    for i in range(1, 4):
        state, step = point_mass.step(key, state, jnp.ones(1), params)
        np.testing.assert_allclose(state.velocity, 0.05 * i, rtol=1e-6)
        np.testing.assert_allclose(state.position, 0.005 * i * (i + 1) / 2, rtol=1e-6)
        np.testing.assert_allclose(step.reward, np.exp(-((state.position - state.goal) ** 2)))
        assert not step.terminated
    far = point_mass.PointMassState(jnp.float32(1.99), jnp.float32(1.0), jnp.float32(0.0))
    assert point_mass.step(key, far, jnp.ones(1), params)[1].terminated
