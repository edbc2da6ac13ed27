"""Lanes: one compiled program a group, whose rows are runs."""

import dataclasses
import time
from typing import Any

import jax
import numpy as np

from jaxac.sweep import plan as planning
from jaxac.sweep.plan import Group, Plan


@dataclasses.dataclass
class Program:
    """The two compiled functions of a group, and what they cost to make.

    `start(seeds, hp, env_params) -> states` and `advance(states) -> states, metrics`, where
    `advance` is a chunk and then an evaluation. `traces` counts how often `advance` was traced.
    """

    start: Any
    advance: Any
    compile_seconds: float
    traces: int


def compile_group(plan: Plan, group: Group) -> Program:
    """Trace and compile a group's program, once, for its lane width."""
    algorithm, traces = plan.algorithm, []

    def start(seed, hp, env_params):
        return algorithm.init(jax.random.key(seed), hp, env_params)

    def advance(state):
        traces.append(group.id)
        state, metrics = algorithm.chunk(state)
        return state, {**metrics, **algorithm.evaluate(state)}

    begin = time.perf_counter()
    batch = next(b for b in plan.batches if b.group == group.id)
    hp, env_params, seeds = planning.lanes_of(plan, batch)
    lowered = jax.jit(jax.vmap(start)).lower(seeds, hp, env_params)
    states = lowered.out_info
    compiled_start = lowered.compile()
    compiled_advance = jax.jit(jax.vmap(advance), donate_argnums=0).lower(states).compile()
    return Program(compiled_start, compiled_advance, time.perf_counter() - begin, len(traces))


def begin(plan: Plan, batch: planning.Batch, program: Program) -> Any:
    """The states of a batch before training."""
    hp, env_params, seeds = planning.lanes_of(plan, batch)
    return program.start(seeds, hp, env_params)


def to_host(metrics: dict[str, jax.Array], width: int) -> dict[str, np.ndarray]:
    """Metrics of the first `width` lanes as float64 arrays; lanes that only fill up are dropped."""
    fetched = jax.device_get(metrics)
    return {name: np.asarray(x[:width], np.float64) for name, x in fetched.items()}
