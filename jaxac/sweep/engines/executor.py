"""Batches in this process: compile once, start or restore, advance, acknowledge."""

import dataclasses
import json
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from jaxac.errors import StoreError, SweepError
from jaxac.store import checkpoints
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import device, held
from jaxac.sweep import lanes as laning
from jaxac.sweep.batches import Batch, last_home
from jaxac.sweep.engines.pace import Pace
from jaxac.sweep.engines.role import Advanced
from jaxac.sweep.lanes import Program
from jaxac.sweep.plan import Plan


@dataclasses.dataclass(frozen=True)
class _Coming:
    """A chunk that is under way."""

    began: float
    chunk: int
    states: Any
    metrics: dict[str, jax.Array]


class Executor:
    """Runs batches of one plan; keeps the programs that it compiled.

    A batch that the device's memory does not hold advances in parts, half as wide, from its last
    checkpoint; the ledger keeps that, and `noted` is told.
    """

    def __init__(self, plan: Plan, directory: RunDirectory, noted: Callable[[str], None]):
        self.plan, self.directory, self._noted = plan, directory, noted
        self._programs: dict[tuple[int, int], Program] = {}

    def compiled(self, batch: Batch) -> bool:
        """Whether the program of a batch is there."""
        if max(batch.runs) >= self.plan.num_runs:  # proposed since
            self.plan = held.plan(self.directory)
        return (batch.group, self._lanes(batch)) in self._programs

    def program(self, batch: Batch) -> Program:
        """The program that advances a batch, compiled when first asked for."""
        while not self.compiled(batch):
            lanes = self._lanes(batch)
            try:
                made = laning.compile_program(self.plan, self.plan.groups[batch.group], lanes)
            except jax.errors.JaxRuntimeError as error:
                self._narrow_for(batch, error)
                continue
            self.directory.ledger.add_time("compile", made.compile_seconds)
            free = device.free_bytes()
            if made.bytes > free and lanes > 1:
                self._narrow(batch, f"{made.bytes:,} bytes are needed, {free:,} are free")
            else:
                self._programs[batch.group, lanes] = made
        return self._programs[batch.group, self._lanes(batch)]

    def run(self, batch: Batch) -> Iterator[Advanced]:
        """Go on with a batch to its end; each chunk is acknowledged before it is told.

        The next chunk is under way while one is acknowledged, so that the disk costs no time.
        """
        missing = self.directory.missing(batch.id, batch.first, batch.until)
        if not missing:
            yield self._known(batch)
        pace, coming = Pace(), None
        while missing:
            try:
                now = coming or self._begin(batch, *self._restored(batch, missing[0]))
                host = laning.to_host(now.metrics, len(batch.runs))
                seconds = time.perf_counter() - now.began
                wanted, last = now.chunk == missing[0], now.chunk + 1 == batch.until
                due = wanted and (last or pace.is_due(seconds))
                began = time.perf_counter()
                state = checkpoints.encode(now.states) if due else None
                encoding = time.perf_counter() - began
                rest = missing[1:] if wanted else missing
                goes_on = rest and self._newest(batch, rest[0]) <= now.chunk + 1
                coming = self._begin(batch, now.states, now.chunk + 1) if goes_on else None
            except jax.errors.JaxRuntimeError as error:
                self._narrow_for(batch, error)
                coming = None
                continue
            missing = rest
            if not wanted:
                continue
            began = time.perf_counter()
            self._acknowledge(batch, now.chunk, host, seconds, state, not missing)
            if due:
                pace.saved(encoding + time.perf_counter() - began)
            if not missing:
                self.directory.ledger.add_time("states", pace.total)
            yield Advanced(batch, now.chunk, host, seconds, ended=not missing)

    def _known(self, batch: Batch) -> Advanced:
        """The last chunk of a batch that is complete, of which a worker died before it told."""
        last = self.directory.ledger.chunks_of(batch.id)[-1]
        score = self.directory.scores(batch.id)[batch.id][last.chunk]
        metrics = {"finite": np.isfinite(score).astype(np.float64), "eval_return": score}
        return Advanced(batch, last.chunk, metrics, last.seconds, ended=True)

    def _acknowledge(
        self,
        batch: Batch,
        chunk: int,
        host: dict[str, np.ndarray],
        seconds: float,
        state: bytes | None,
        ended: bool,
    ) -> None:
        """Make a chunk durable, and say where its runs stand."""
        group, runs = self.plan.groups[batch.group], list(batch.runs)
        status = "done" if ended and batch.until == group.num_chunks else "running"
        bad = self.program(batch).diverged(host, group.num_updates)
        before, each = chunk * group.env_steps, group.env_steps // group.num_updates
        self.directory.acknowledge(
            batch.id,
            chunk,
            (chunk + 1) * group.env_steps,
            seconds,
            runs,
            {name: x for name, x in host.items() if name != "first_bad"},
            state,
            dict.fromkeys(runs, status),
            {runs[i]: (before + update * each, why) for i, (update, why) in bad.items()},
            last=chunk + 1 == batch.until,
        )

    def _begin(self, batch: Batch, states: Any, chunk: int) -> "_Coming":
        """Begin a chunk, from states that are given away; without states, from the start."""
        began = time.perf_counter()
        program, lanes = self.program(batch), self._lanes(batch)
        if states is None:
            arguments = laning.arguments(self.plan, batch.runs, batch.width)
            states = laning.in_parts(program.start, lanes, *arguments)
        return _Coming(began, chunk, *laning.in_parts(program.advance, lanes, states))

    def _lanes(self, batch: Batch) -> int:
        """How many of a batch's lanes advance at a time: all, unless memory was short before."""
        events = map(json.loads, self.directory.ledger.events("narrowed"))
        least = min((x["lanes"] for x in events if x["group"] == batch.group), default=batch.width)
        lanes = batch.width
        while lanes > least:
            lanes = math.ceil(lanes / 2)
        return lanes

    def _narrow_for(self, batch: Batch, error: Exception) -> None:
        """Advance fewer lanes at a time if that is what an error asks for, else raise it."""
        if not device.is_out_of_memory(error):
            raise error
        self._narrow(batch, str(error).splitlines()[0])

    def _narrow(self, batch: Batch, why: str) -> None:
        """Halve the lanes that a group advances at a time. Raises `SweepError` at one."""
        lanes = self._lanes(batch)
        if lanes == 1:
            raise SweepError(
                f"the device's memory does not hold a single run of group {batch.group}: {why}. "
                "Fewer num_envs, a smaller buffer or a smaller network need less"
            )
        half = math.ceil(lanes / 2)
        self._programs.pop((batch.group, lanes), None)
        told = {"group": batch.group, "lanes": half, "batch": batch.id, "why": why}
        self.directory.ledger.add_event("narrowed", json.dumps(told))
        self._noted(
            f"out of memory with {lanes} lanes of group {batch.group}: batch {batch.id} goes on "
            f"from its last checkpoint, {half} lanes at a time"
        )

    def _newest(self, batch: Batch, chunk: int) -> int:
        """The chunk that the newest state from before `chunk` goes on with."""
        found = self.directory.ledger.checkpoint(batch.id, chunk)
        return batch.first if found is None else found.chunk + 1

    def _restored(self, batch: Batch, chunk: int) -> tuple[Any, int]:
        """The newest states from before a chunk, and the chunk that they go on with.

        There are none before the first chunk of a batch that begins from the start.
        """
        with jax.default_device(device.host()):
            if self._newest(batch, chunk) > batch.first:
                like = laning.shapes(self.plan, batch)
                return self.directory.restore(batch.id, like, chunk)
            if not batch.first:
                return None, 0
            return laning.with_changes(self._gathered(batch), batch.changes), batch.first

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
        states = []
        for home in homes:
            like = laning.shapes(self.plan, home)
            state, chunks = self.directory.restore(home.id, like, home.until)
            if chunks != home.until:
                raise StoreError(
                    f"{self.directory.path} has no state of batch {home.id} at its end, where "
                    f"batch {batch.id} begins; `jaxac resume` makes it again"
                )
            states.append(state)
        return checkpoints.gather(states, places)
