import json
import os
import subprocess
import sys
from pathlib import Path

import jaxac

ROOT = Path(__file__).resolve().parents[2]
WORDS = "train ppo --plain --env probe/ConstantReward --total-steps 64 --quiet --json"
SMALL = "--num-envs 4 --num-steps 8 --num-minibatches 2 --net.hidden [4]"


def trained(out, **settings):
    done = subprocess.run(
        [sys.executable, "-m", "jaxac.cli.main", *f"{WORDS} {SMALL}".split(), "--out", str(out)],
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])["compile_s"], jaxac.load(out).wide


def test_a_second_start_finds_its_programs_and_gives_the_same_numbers(tmp_path):
    settings = {"JAX_ENABLE_COMPILATION_CACHE": "true", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    cold, first = trained(tmp_path / "cold", **settings)
    kept = sorted((tmp_path / "cache/jaxac/xla").iterdir())
    warm, second = trained(tmp_path / "warm", **settings)
    assert kept and {x.name for x in kept} <= {x.name for x in kept[0].parent.iterdir()}
    assert warm < cold and first.equals(second)


def test_jaxs_own_settings_win(tmp_path):
    home = {"XDG_CACHE_HOME": str(tmp_path / "home")}
    own = tmp_path / "own"
    on = {"JAX_ENABLE_COMPILATION_CACHE": "true", "JAX_COMPILATION_CACHE_DIR": str(own)}
    trained(tmp_path / "kept", **on, **home)
    assert list(own.iterdir())
    trained(tmp_path / "not", JAX_ENABLE_COMPILATION_CACHE="false", **home)
    assert not list((tmp_path / "home").glob("jaxac/xla/*"))
