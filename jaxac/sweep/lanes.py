"""Lanes: one compiled program a group and width, whose rows are runs."""

import dataclasses
import time
from collections.abc import Mapping
from concurrent import futures
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxac.core import replace
from jaxac.sweep import device, tiles
from jaxac.sweep import plan as planning
from jaxac.sweep.batches import Batch
from jaxac.sweep.plan import Group, Plan

Bad = tuple[int, str]
"""The update of a chunk, counted from 1, whose metric was the first that was no number."""


@dataclasses.dataclass
class Program:
    """The three compiled functions of a group at a width, and what they cost to make.

    `start(seeds, hp, env_params) -> states`, `chunk(states) -> states, metrics` and
    `evaluate(states) -> metrics`. Two programs and not one, so that nothing of an evaluation runs
    beside the training: on a CPU they would take turns at LAPACK, which can hang (docs/install.md).
    """

    start: Any
    chunk: Any
    evaluate: Any
    compile_seconds: float
    traces: int  # of `chunk`
    tile: int  # lanes that advance at a time
    names: tuple[str, ...]  # of an update's metrics, in alphabetical order

    def advance(self, states: Any) -> tuple[Any, dict[str, jax.Array]]:
        """A chunk and then an evaluation; takes the states."""
        states, metrics = self.chunk(states)
        return states, {**metrics, **self.evaluate(states)}

    @property
    def parts(self) -> tuple[Any, Any, Any]:
        """What was compiled."""
        return self.start, self.chunk, self.evaluate

    @property
    def bytes(self) -> int:
        """Memory that it takes, states included."""
        return max(map(memory, self.parts))

    def diverged(self, metrics: dict[str, np.ndarray], num_updates: int) -> dict[int, Bad]:
        """Which lanes have diverged in a chunk of `num_updates` updates, and where first."""
        found = {}
        for lane, (first, score) in enumerate(
            zip(metrics["first_bad"], metrics["eval_return"], strict=True)
        ):
            if first >= 0:
                update, metric = divmod(int(first), len(self.names))
                found[lane] = update + 1, self.names[metric]
            elif not np.isfinite(score):
                found[lane] = num_updates, "eval_return"
        return found


def compile_program(plan: Plan, group: Group, width: int) -> Program:
    """Trace and compile a group's program, once, for `width` lanes."""
    algorithm, traces = plan.tasks[group.task].algorithm, []

    def counted(state):
        state, metrics = algorithm.chunk(state)
        traces.append(tuple(sorted(metrics.keys() - {"finite", "first_bad"})))
        return state, metrics

    begin = time.perf_counter()
    rows = arguments(plan, group.runs, width)
    start, _ = tiles.traced(starter(plan, group), *jax.tree.map(lambda x: x[0], rows))
    lane = jax.eval_shape(start, *jax.tree.map(lambda x: x[0], rows))
    chunk, largest = tiles.traced(counted, lane)
    tile = tiles.tile_of(largest, width)
    states = jax.eval_shape(jax.vmap(start), *rows)
    with futures.ThreadPoolExecutor(3) as aside:  # XLA needs no Python while it compiles

        def compiled(function, *like, **options):
            program = jax.jit(tiles.over_lanes(function, tile, width), **options)
            return aside.submit(program.lower(*like).compile)

        coming = (
            compiled(chunk, states, donate_argnums=0),
            compiled(start, *rows),
            compiled(algorithm.evaluate, states),
        )
        advancing, starting, evaluating = [one.result() for one in coming]
    took = time.perf_counter() - begin
    return Program(starting, advancing, evaluating, took, len(traces), tile, traces[-1])


def memory(compiled: Any) -> int:
    """Bytes that a compiled program takes while it runs, by XLA's own account."""
    parts = compiled.memory_analysis()
    held = parts.argument_size_in_bytes + parts.output_size_in_bytes - parts.alias_size_in_bytes
    return held + parts.temp_size_in_bytes


def starter(plan: Plan, group: Group) -> Any:
    """`start(seed, hp, env_params) -> state` of one run."""
    algorithm = plan.tasks[group.task].algorithm

    def start(seed, hp, env_params):
        return algorithm.init(jax.random.key(seed), hp, env_params)

    return start


def arguments(plan: Plan, runs: tuple[int, ...], width: int) -> tuple[Any, Any, Any]:
    """Seeds, hyper-parameters and environment params of runs as lanes, for `Program.start`."""
    hp, env_params, seeds = planning.lanes_of(plan, runs, width)
    return seeds, hp, env_params


def shapes(plan: Plan, batch: Batch) -> Any:
    """The states of a batch's lanes as shapes and dtypes."""
    group = plan.groups[batch.group]
    return jax.eval_shape(jax.vmap(starter(plan, group)), *arguments(plan, batch.runs, batch.width))


def with_changes(states: Any, changes: tuple[Mapping[str, float], ...]) -> Any:
    """States whose lanes have some hyper-parameters set, by dotted name.

    The last lane's changes are those of the lanes that it fills.
    """
    hp = states.hp
    width = jax.tree.leaves(hp)[0].shape[0]
    for lane in range(width):
        for path, value in changes[min(lane, len(changes) - 1)].items():
            hp = with_value(hp, path, lane, value)
    return replace(states, hp=hp)


def with_value(hp: Any, path: str, lane: int, value: float) -> Any:
    """Stacked hyper-parameters with one lane's value set, by dotted name."""
    name, dot, rest = path.partition(".")
    current = getattr(hp, name)
    if dot:
        return replace(hp, **{name: with_value(current, rest, lane, value)})
    column = np.array(current)
    column[lane] = value
    return replace(hp, **{name: jnp.asarray(column)})


def in_parts(function: Any, lanes: int, *rows: Any) -> Any:
    """`function` of stacked rows [width, ...], as many at a time as it is compiled for.

    Where these are fewer than `width`, the parts are joined in the host's memory.
    """
    width = jax.tree.leaves(rows)[0].shape[0]
    here = jax.devices()[0]
    if lanes == width:
        return function(*jax.device_put(rows, here))
    parts = []
    for first in range(0, width, lanes):
        places = np.minimum(np.arange(first, first + lanes), width - 1)
        some = jax.device_put(jax.tree.map(lambda x, places=places: x[places], rows), here)
        parts.append(jax.device_put(function(*some), device.host()))
    return jax.tree.map(lambda *x: jnp.concatenate(x)[:width], *parts)


def to_host(metrics: dict[str, jax.Array], width: int) -> dict[str, np.ndarray]:
    """Metrics of the first `width` lanes as float64 arrays; lanes that only fill up are dropped."""
    fetched = jax.device_get(metrics)
    return {name: np.asarray(x[:width], np.float64) for name, x in fetched.items()}
