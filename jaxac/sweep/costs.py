"""What training costs on this device: memory by lanes, and time; measured once, then kept."""

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import platformdirs

import jaxac
from jaxac import config
from jaxac.core import replace
from jaxac.errors import StoreError
from jaxac.runners import off_policy
from jaxac.store import files
from jaxac.sweep import device, lanes
from jaxac.sweep.plan import Group, Plan, with_widths

SMALL = (2, 8)  # lanes: memory grows linearly with them, so two widths tell it all
KEPT_FREE = 0.1  # share of the free memory
LEAST_SECONDS, LEAST_ROUNDS = 1.0, 3  # of timing
BRIEF = 0.2  # seconds of a chunk of one update, below which what chunks take beside updates counts


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes that a program takes: `fixed + lanes * per_lane`."""

    fixed: float
    per_lane: float

    def __call__(self, lanes: int) -> float:
        """Bytes at a width."""
        return self.fixed + lanes * self.per_lane

    def lanes(self, free: float) -> int:
        """The widest program that `free` bytes hold, 1 at least."""
        return max(1, int((free - self.fixed) / max(self.per_lane, 1.0)))


@dataclasses.dataclass(frozen=True)
class Costs:
    """What a batch of a group's width takes on this device."""

    bytes: int  # of memory, states included
    compile: float  # seconds
    update: float  # seconds
    beside: float  # seconds of a chunk beside its updates: states go in and out
    evaluation: float  # seconds

    def chunk(self, group: Group) -> float:
        """Seconds of a chunk of a group's batch, its evaluation included."""
        return group.num_updates * self.update + self.beside + self.evaluation

    def whole(self, group: Group) -> float:
        """Seconds of all of a group's training, one batch after another."""
        return self.compile + group.num_batches * group.num_chunks * self.chunk(group)


def memory(plan: Plan, group: Group) -> Memory:
    """What XLA says of a group's programs at two small widths, extended to any.

    For accelerators, where all lanes advance at once.
    """

    def measured() -> Memory:
        short = _shortened(plan, group, 1)
        few, more = (lanes.compile_program(short, group, width).bytes for width in SMALL)
        per_lane = (more - few) / (SMALL[1] - SMALL[0])
        return Memory(few - SMALL[0] * per_lane, per_lane)

    return _kept(Memory, plan, group, 0, measured)


def costs(plan: Plan, group: Group) -> Costs:
    """What a batch as wide as the group's takes: a program of one update, compiled and timed.

    Where an update is brief so is a program of several, for what a chunk takes beside its updates.
    Methods with a warm-up learn from the first.
    """

    def begun(num_updates: int) -> tuple[lanes.Program, Any]:
        short = _shortened(plan, group, num_updates)
        program = lanes.compile_program(short, group, group.width)
        return program, program.start(*lanes.arguments(short, group.runs, group.width))

    def measured() -> Costs:
        program, states = begun(1)
        evaluation = _seconds(lambda states: (states, program.evaluate(states)), states)
        one, num = _seconds(program.chunk, states), 1
        many = one
        if one < BRIEF:
            num = 2 + int(BRIEF / one)
            longer, states = begun(num)
            many = max(_seconds(longer.chunk, states), one)
        update = (many - one) / (num - 1) if num > 1 else one
        return Costs(program.bytes, program.compile_seconds, update, one - update, evaluation)

    return _kept(Costs, plan, group, group.width, measured)


def fitted(plan: Plan) -> Plan:
    """The plan with groups no wider than the device's free memory holds."""
    free = (1.0 - KEPT_FREE) * device.free_bytes()
    return with_widths(plan, [min(g.width, memory(plan, g).lanes(free)) for g in plan.groups])


def known(plan: Plan, group: Group) -> bool:
    """Whether what a group takes was measured before."""
    return _path(Costs, plan, group, group.width).exists()


def folder() -> Path:
    """Where measurements are kept."""
    return platformdirs.user_cache_path("jaxac") / "costs"


def _shortened(plan: Plan, group: Group, num_updates: int) -> Plan:
    """The plan with chunks of fewer updates, which compile and run alike but end soon."""
    members = {plan.run(number).config for number in group.runs}

    def short(hp: Any) -> Any:
        hp = replace(hp, num_updates=num_updates)
        return replace(hp, warm_up=0.0) if isinstance(hp, off_policy.Settings) else hp

    configs = [
        dataclasses.replace(c, hp=short(c.hp)) if i in members else c
        for i, c in enumerate(plan.configs)
    ]
    return dataclasses.replace(plan, configs=tuple(configs))


def _seconds(step: Callable[[Any], tuple[Any, Any]], states: Any) -> float:
    """The least time of a step; the first round, which may compile, does not count."""
    states, _ = jax.block_until_ready(step(states))
    found: list[float] = []
    while len(found) < LEAST_ROUNDS or sum(found) < LEAST_SECONDS:
        begin = time.perf_counter()
        states, _ = jax.block_until_ready(step(states))
        found.append(time.perf_counter() - begin)
    return min(found)


def _path(kind: type, plan: Plan, group: Group, width: int) -> Path:
    """By all that a program depends on, but for how many updates a chunk has."""
    first = _shortened(plan, group, 1).configs[plan.run(group.runs[0]).config]
    program = [
        *plan.tasks[group.task].names,
        config.to_json(plan.sweep.wrappers),
        str(jax.tree.structure((first.hp, first.env_params))),
        [[str(x) for x in map(jax.numpy.shape, jax.tree.leaves(first.env_params))]],
        width,
        device.name(),
        jaxac.__version__,
        jax.__version__,
    ]
    return folder() / f"{kind.__name__.lower()}-{config.stable_hash(program)}.json"


def _kept(kind: type, plan: Plan, group: Group, width: int, measured: Callable[[], Any]) -> Any:
    """What was measured before, or is measured now and kept."""
    path = _path(kind, plan, group, width)
    try:
        return kind(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):  # not there, or not whole: a cache may be lost
        found = measured()
    with contextlib.suppress(OSError, StoreError):  # what cannot be kept is measured again
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write(path, json.dumps(dataclasses.asdict(found)).encode())
    return found
