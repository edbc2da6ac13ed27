"""Batches in this process: compile once, start or restore, advance, acknowledge."""

import time
from collections.abc import Iterator
from typing import Any

import jax

from jaxac.errors import StoreError
from jaxac.store import checkpoints
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import lanes
from jaxac.sweep.batches import Batch
from jaxac.sweep.engines.role import Advanced
from jaxac.sweep.lanes import Program
from jaxac.sweep.plan import Plan


class Executor:
    """Runs batches of one plan; keeps the programs that it compiled."""

    def __init__(self, plan: Plan, directory: RunDirectory):
        self.plan, self.directory = plan, directory
        self._programs: dict[tuple[int, int], Program] = {}

    def compiled(self, batch: Batch) -> bool:
        """Whether the program of a batch is there."""
        return (batch.group, batch.width) in self._programs

    def program(self, batch: Batch) -> Program:
        """The program of a batch, compiled when first asked for."""
        key = batch.group, batch.width
        if key not in self._programs:
            made = lanes.compile_program(self.plan, self.plan.groups[batch.group], batch.width)
            self.directory.ledger.add_time("compile", made.compile_seconds)
            self._programs[key] = made
        return self._programs[key]

    def run(self, batch: Batch) -> Iterator[Advanced]:
        """Go on with a batch to its end; each chunk is acknowledged before it is told."""
        group, program = self.plan.groups[batch.group], self.program(batch)
        runs = list(batch.runs)
        begin = time.perf_counter()
        done, states = self._states(batch, program)
        for chunk in range(done, batch.until):
            states, metrics = program.advance(states)
            host = lanes.to_host(metrics, len(runs))
            jax.block_until_ready(states)
            end = time.perf_counter()
            status = "done" if chunk + 1 == group.num_chunks else "running"
            bad = program.diverged(host, group.num_updates)
            steps = chunk * group.env_steps, group.env_steps // group.num_updates
            self.directory.acknowledge(
                batch.id,
                chunk,
                (chunk + 1) * group.env_steps,
                end - begin,
                runs,
                {name: x for name, x in host.items() if name != "first_bad"},
                states,
                dict.fromkeys(runs, status),
                {runs[i]: (steps[0] + update * steps[1], why) for i, (update, why) in bad.items()},
            )
            yield Advanced(batch, chunk, host)
            begin = time.perf_counter()

    def _states(self, batch: Batch, program: Program) -> tuple[int, Any]:
        """How many chunks the batch's runs have, and their states."""
        found = self.directory.ledger.checkpoint(batch.id)
        if found is not None:
            like = lanes.shapes(self.plan, batch)
            return found.chunk + 1, self.directory.restore(batch.id, like)
        if not batch.first:
            return 0, program.start(*lanes.arguments(self.plan, batch.runs, batch.width))
        return batch.first, lanes.with_changes(self._gathered(batch), batch.changes)

    def _gathered(self, batch: Batch) -> Any:
        """The states that earlier batches left, in the lanes of this one."""
        earlier = [Batch.from_json(x) for x in self.directory.ledger.batches().values()]
        homes: list[Batch] = []
        places: list[tuple[int, int]] = []
        for source in batch.sources:
            home = last_home(earlier, source, batch.first, batch.leg)
            if home not in homes:
                homes.append(home)
            places.append((homes.index(home), home.runs.index(source)))
        places += [places[-1]] * (batch.width - len(places))
        states = [self.directory.restore(x.id, lanes.shapes(self.plan, x)) for x in homes]
        return checkpoints.gather(states, places)


def last_home(batches: list[Batch], run: int, until: int, leg: int) -> Batch:
    """The batch before `leg` at whose end a run had `until` chunks. Raises `StoreError`."""
    for batch in reversed(batches):
        if batch.leg < leg and run in batch.runs and batch.until == until:
            return batch
    raise StoreError(f"no batch left run {run} after chunk {until}")
