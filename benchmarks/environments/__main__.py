"""The command line of the benchmark; see the package's docstring."""

import json
import sys
from typing import Any

from benchmarks import record
from benchmarks.environments import compare, speed, tables
from benchmarks.environments.originals import original
from jaxac import registry
from jaxac.envs import Env

MEASURED = {
    "gymnax/CartPole-v1": 1024,
    "gymnax/Acrobot-v1": 1024,
    "gymnax/Pendulum-v1": 1024,
    "gymnax/MountainCar-v0": 1024,
    "gymnax/Breakout-MinAtar": 256,
    "gymnax/SpaceInvaders-MinAtar": 256,
    "gymnax/Catch-bsuite": 1024,
    "brax/ant": 64,
    "brax/hopper": 64,
    "brax/reacher": 64,
    "brax/halfcheetah-spring": 64,
    "brax/hopper-positional": 64,
    "brax/walker2d-mjx": 64,
    "playground/CartpoleBalance": 64,
    "playground/CheetahRun": 64,
    "playground/WalkerWalk": 64,
}
"""What is measured, with the number of environments of the timed rollouts."""


def facts(env: Env) -> dict[str, Any]:
    """What the table says of an environment."""
    space = env.observation_space
    named = {"": space} if not isinstance(space, dict) else space
    return {
        "observations": "; ".join(f"{k} {box}".strip() for k, box in named.items()),
        "actions": str(env.action_space),
        "time limit": int(env.time_limit(env.params)),
        "agents": env.num_agents,
    }


def main(words: list[str]) -> int:
    """Measure, and merge into what was measured before."""
    if words == ["tables"]:
        tables.write()
        return 0
    if not words or words[0] not in ("compare", "speed"):
        print(sys.modules["benchmarks.environments"].__doc__)
        return 2
    what, names = words[0], words[1:] or list(MEASURED)
    before = json.loads(tables.RESULTS.read_text())["results"] if tables.RESULTS.exists() else {}
    failed = 0
    for name in names:
        try:
            env, own = registry.make_env(name), original(name)
            if what == "compare":
                found = compare.differences(env, own)
            else:
                found = speed.ratio(env, own, MEASURED.get(name, 64))
        except Exception as error:  # one broken suite must not cost the others their numbers
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            failed += 1
            continue
        before.setdefault(name, {"facts": facts(env)})[what] = found
        print(f"{name}: {found}", flush=True)
        record.write("environments", "python -m benchmarks.environments compare; ... speed", before)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
