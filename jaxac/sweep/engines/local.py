"""The local engine: this process, its default device, one lane batch after another."""

import time

import jax

from jaxac.store.rundir import RunDirectory
from jaxac.sweep import lanes
from jaxac.sweep.lanes import Program
from jaxac.sweep.plan import Batch, Plan
from jaxac.sweep.progress import Reporter


def run(plan: Plan, directory: RunDirectory, progress: Reporter) -> None:
    """Advance every batch of the plan to its end, each chunk acknowledged as it is done.

    Compiles one program per group that still has work. Whatever is raised, all that was
    acknowledged stays, and calling this again goes on from there.
    """
    progress.planned(plan, str(directory.path))
    try:
        for group in plan.groups:
            batches = [b for b in plan.batches if b.group == group.id]
            done = {b.id: directory.chunks_done(b.id) for b in batches}
            for batch in batches:
                progress.found(batch, done[batch.id], directory.newest_metrics(batch.id))
            left = [b for b in batches if done[b.id] < group.num_chunks]
            if not left:
                continue
            progress.compiling(group)
            program = lanes.compile_group(plan, group)
            directory.ledger.add_time("compile", program.compile_seconds)
            for batch in left:
                _run_batch(plan, batch, program, directory, progress, done[batch.id])
    finally:
        progress.ended()


def _run_batch(
    plan: Plan,
    batch: Batch,
    program: Program,
    directory: RunDirectory,
    progress: Reporter,
    done: int,
) -> None:
    group = plan.groups[batch.group]
    runs = [r.id for r in batch.runs]
    progress.training(batch)
    begin = time.perf_counter()
    states = lanes.begin(plan, batch, program)
    if done:
        states = directory.restore(batch.id, states)
    for chunk in range(done, group.num_chunks):
        states, metrics = program.advance(states)
        host = lanes.to_host(metrics, len(runs))
        jax.block_until_ready(states)
        end = time.perf_counter()
        directory.acknowledge(
            batch.id,
            chunk,
            (chunk + 1) * group.env_steps,
            end - begin,
            runs,
            host,
            states,
            last=chunk + 1 == group.num_chunks,
        )
        progress.advanced(batch, chunk + 1, host)
        begin = time.perf_counter()
