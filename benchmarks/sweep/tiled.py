"""The rate of a plan's program by how many of its lanes advance at a time.

    python -m benchmarks.sweep.tiled CORE < words.json

Prints the rates of a process that is pinned to a core.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence

import jax

from benchmarks.sweep.timed import ROOT
from jaxac.sweep import cache, lanes, tiles
from jaxac.sweep.plan import Plan, make_plan
from jaxac.sweep.spec import Sweep

TILES = (1, 4, 16)
ROUNDS = 3


def rates(plan: Plan) -> dict[str, int]:
    """Median env steps per second of a chunk of the plan's first batch, tile by tile, in turns."""
    group = plan.groups[0]
    steps = group.width * group.env_steps
    chosen, found = tiles.tile_of, {}
    programs = {}
    for tile in TILES:
        tiles.tile_of = lambda *_, tile=tile: tile
        programs[tile] = lanes.compile_program(plan, group, group.width)
    tiles.tile_of = chosen
    states = {
        tile: program.start(*lanes.arguments(plan, group.runs, group.width))
        for tile, program in programs.items()
    }
    for _ in range(ROUNDS + 1):  # the first does not count
        for tile, program in programs.items():
            begin = time.perf_counter()
            states[tile], _ = jax.block_until_ready(program.chunk(states[tile]))
            found.setdefault(str(tile), []).append(steps / (time.perf_counter() - begin))
    return {tile: round(statistics.median(x[1:])) for tile, x in found.items()}


def on_cores(sweep: Sweep, cores: Sequence[int]) -> dict[str, int]:
    """The rates of processes that run at once, each pinned to a core, added up."""
    command = [sys.executable, "-m", "benchmarks.sweep.tiled"]
    processes = [
        subprocess.Popen(
            [*command, str(core)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for core in cores
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(json.dumps(sweep.to_json()))
        process.stdin.close()
    found = [json.loads(p.stdout.read()) for p in processes if p.stdout is not None]
    return {tile: sum(x[tile] for x in found) for tile in found[0]}


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[1])})
    cache.enable()
    print(json.dumps(rates(make_plan(Sweep(**json.loads(sys.stdin.read()))))))
