"""The command line of the benchmark; see the package's docstring."""

import json
import sys
from collections.abc import Callable
from typing import Any

from benchmarks import record
from benchmarks.environments import (
    compare,
    gym_classic,
    gym_mujoco,
    plans,
    speed,
    tables,
)
from benchmarks.environments.originals import original
from jaxac import registry
from jaxac.envs import Env, mjx

MEASURED = {
    "gymnax/CartPole-v1": 1024,
    "gymnax/Acrobot-v1": 1024,
    "gymnax/Pendulum-v1": 1024,
    "gymnax/MountainCar-v0": 1024,
    "gymnax/MountainCarContinuous-v0": 1024,
    "gymnax/Asterix-MinAtar": 256,
    "gymnax/Breakout-MinAtar": 256,
    "gymnax/Freeway-MinAtar": 256,
    "gymnax/SpaceInvaders-MinAtar": 256,
    "gymnax/Catch-bsuite": 1024,
    "gymnax/DeepSea-bsuite": 1024,
    "classic/MountainCarContinuous-v0": 1024,
    "memory/RepeatPreviousEasy": 1024,
    "memory/StatelessCartPoleEasy": 1024,
    "memory/TMaze-10": 1024,
    "memory/HiddenGoal-5x6": 1024,
    "minatar/Breakout-v1": 256,
    "pixel/PixelPendulum-v0": 256,
    "brax/ant": 64,
    "brax/halfcheetah": 64,
    "brax/hopper": 64,
    "brax/reacher": 64,
    "brax/halfcheetah-spring": 64,
    "brax/hopper-positional": 64,
    "brax/walker2d-mjx": 64,
    "playground/CartpoleBalance": 64,
    "playground/CheetahRun": 64,
    "playground/HopperHop": 64,
    "playground/WalkerWalk": 64,
    **{f"mjx/{name}": 64 for name in mjx.ids()},
    "mjx/Pusher-v5": 1,  # a step of it takes seconds
    "navix/Navix-Empty-5x5-v0": 256,
    "navix/Navix-DoorKey-Random-8x8-v0": 256,
    "xminigrid/MiniGrid-Empty-5x5": 256,
    "xminigrid/MiniGrid-DoorKey-8x8": 256,
    "jumanji/Snake-v1": 256,
    "jumanji/Game2048-v1": 256,
    "jumanji/Maze-v0": 256,
    "craftax/Craftax-Classic-Symbolic-v1": 64,
    "pgx/2048": 256,
    "pgx/minatar-breakout": 256,
    "pgx/tic_tac_toe": 256,
    "pgx/connect_four": 256,
    "jaxmarl/MPE_simple_spread_v3": 256,
    "jaxmarl/overcooked": 256,
    "jaxmarl/SMAX": 64,
    "probe/ObservedAction": 1024,
    "tabular/Chain-10": 1024,
}
"""What is measured, with the number of environments of the timed rollouts."""

COSTLY = {
    "gymnax/DeepSea-bsuite": 1024,
    "brax/ant": 64,
    "brax/hopper": 64,
    "playground/CheetahRun": 64,
    "mjx/Ant-v5": 64,
    "navix/Navix-Empty-5x5-v0": 256,
    "navix/Navix-DoorKey-Random-8x8-v0": 256,
    "xminigrid/MiniGrid-DoorKey-8x8": 256,
    "jumanji/Snake-v1": 256,
    "craftax/Craftax-Classic-Symbolic-v1": 64,
    "pgx/2048": 256,
    "jaxmarl/overcooked": 256,
}
"""Where plans of resets are tried."""

CLASSIC = ("CartPole-v1", "Acrobot-v1", "Pendulum-v1", "MountainCar-v0", "MountainCarContinuous-v0")


def compared(name: str, env: Env) -> dict[str, Any]:
    """What `compare` finds, by whom it compares with."""
    suite, _, task = name.partition("/")
    own, found = original(name), {}
    if own is not None and own.step is not None:
        found["suite"] = compare.differences(env, own)
    if suite in ("gymnax", "classic") and task in CLASSIC:
        found["gymnasium"] = gym_classic.differences(env, task)
    if suite == "mjx":
        found["gymnasium"] = gym_mujoco.differences(task)
    return found


def timed(name: str, env: Env) -> dict[str, Any]:
    """What `speed` finds."""
    return speed.ratio(env, original(name), MEASURED.get(name, 64))


def planned(name: str, env: Env) -> dict[str, Any]:
    """What `resets` finds."""
    return plans.rates(env, COSTLY.get(name, 64))


MEASURES: dict[str, Callable[[str, Env], dict[str, Any]]] = {
    "compare": compared,
    "speed": timed,
    "resets": planned,
}


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
    if not words or words[0] not in MEASURES:
        print(sys.modules["benchmarks.environments"].__doc__)
        return 2
    what, names = words[0], words[1:] or list(COSTLY if words[0] == "resets" else MEASURED)
    whole = json.loads(tables.RESULTS.read_text()) if tables.RESULTS.exists() else {"results": {}}
    before = whole["results"]
    for row in before.values():
        row.setdefault("cpu", whole["machine"]["cpu"])
    failed = 0
    for name in names:
        try:
            env = registry.make_env(name)
            found = MEASURES[what](name, env)
        except Exception as error:  # one broken suite must not cost the others their numbers
            print(f"{name}: {type(error).__name__}: {error}", flush=True)
            failed += 1
            continue
        cpu = record.machine()["cpu"]
        before.setdefault(name, {"facts": facts(env)}).update({"cpu": cpu, what: found})
        print(f"{name}: {found}", flush=True)
        known = [x for x in MEASURED if x in before]
        ordered = {x: before[x] for x in [*known, *(x for x in before if x not in known)]}
        record.write("environments", "python -m benchmarks.environments " + what, ordered)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
