"""The loop of a sweep: ask the scheduler, hand batches to the engine, take note of results."""

import dataclasses

from jaxac import config
from jaxac.errors import StoreError
from jaxac.store import files
from jaxac.store.rundir import RunDirectory
from jaxac.sweep import held, interrupt
from jaxac.sweep.batches import Batch
from jaxac.sweep.engines.role import Engine
from jaxac.sweep.facts import Facts
from jaxac.sweep.mend import forgotten
from jaxac.sweep.plan import Plan
from jaxac.sweep.progress import Reporter
from jaxac.sweep.schedulers.role import Leg


def drive(plan: Plan, directory: RunDirectory, engine: Engine, progress: Reporter) -> None:
    """Train until the scheduler asks for nothing more; goes on from what is acknowledged.

    Raises `KeyboardInterrupt` after Ctrl-C: once the chunks that are under way are acknowledged, or
    at once if it is pressed again.
    """
    with files.understood(directory.path):
        facts = acknowledged(plan, directory)
    progress.resumed(facts)
    widest = max(group.width for group in plan.groups)

    def told():
        progress.noted("finishing the chunk that is under way; Ctrl-C again stops at once")

    try:
        with interrupt.gentle(told) as interrupted:
            while not interrupted():
                if not facts.again:
                    decide(facts, directory, engine.slots * widest)
                if not facts.open:
                    directory.ledger.stop()
                    if not directory.retention.finished:
                        for number in facts.batches:
                            directory.drop_checkpoints(number)
                    return
                advance(facts, directory, engine, progress)
            while engine.drain():
                advance(facts, directory, engine, progress)
            raise KeyboardInterrupt
    finally:
        engine.close()


def advance(facts: Facts, directory: RunDirectory, engine: Engine, progress: Reporter) -> None:
    """Wait for a chunk, and take note of it."""
    told = engine.next(facts.next)
    facts.add(told.batch, told.chunk, told.scores)
    if told.ended and facts.left[told.batch.id]:  # chunks that a worker could not tell of any more
        for chunk, scores in directory.scores(told.batch.id)[told.batch.id].items():
            facts.add(told.batch, chunk, scores)
    progress.advanced(facts, told)
    directory.keep_copy()
    if told.ended:
        try:
            directory.merge(told.batch.id)
        except StoreError as error:  # the sweep can go on; whoever reads the file will be told
            progress.noted(str(error))
        if not directory.retention.finished:
            clear(facts, directory)


def decide(facts: Facts, directory: RunDirectory, capacity: int) -> None:
    """Ask the scheduler until it wants no more for now; record each decision before it runs."""
    scheduler = facts.plan.sweep.chosen_scheduler
    while True:
        facts.idle = max(0, capacity - sum(batch.width for batch in facts.open.values()))
        legs = scheduler.next(facts)
        if not legs:
            return
        for leg in legs:
            known = facts.plan.num_runs
            fresh = facts.take_up(leg)
            batches = facts.split(leg)
            directory.ledger.add_leg(
                {**dataclasses.asdict(leg), "configs": list(map(held.config_words, fresh))},
                {b.id: b.to_json() for b in batches},
                held.rows(facts.plan, known),
                leg.sources,
            )
            facts.decided(leg, batches)
            clear(facts, directory)


def clear(facts: Facts, directory: RunDirectory) -> None:
    """Delete states that serve nothing any more."""
    for number in facts.spent(finished=not directory.retention.finished):
        directory.drop_checkpoints(number)


def acknowledged(plan: Plan, directory: RunDirectory) -> Facts:
    """What a run directory knows."""
    facts, scores = Facts(plan), directory.scores()
    batches = [Batch.from_json(x) for x in directory.ledger.batches().values()]
    for number, leg in enumerate(directory.ledger.legs()):
        facts.take_up(_leg(leg))
        facts.decided(_leg(leg), [batch for batch in batches if batch.leg == number])
    for batch in batches:
        for chunk, values in sorted(scores.get(batch.id, {}).items()):
            facts.add(batch, chunk, values)
    facts.again = set(forgotten(directory)) & {
        (batch, chunk) for batch in facts.open for chunk in facts.left[batch]
    }
    return facts


def _leg(data: dict) -> Leg:
    """What was recorded of a leg; JSON has made its numbers of runs into text."""
    numbered = {k: {int(run): x for run, x in data[k].items()} for k in ("sources", "changes")}
    points = tuple((task, config.numbers(point)) for task, point in data["points"])
    return Leg(tuple(data["runs"]), data["share"], **numbered, points=points)
