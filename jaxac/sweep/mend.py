"""What resuming does about damage: forget exactly what was in the damaged files."""

import json

from jaxac.store.rundir import Damage, RunDirectory
from jaxac.sweep.batches import Batch, last_home
from jaxac.sweep.progress import Reporter

Part = tuple[int, int]
"""A chunk or a checkpoint, by batch and number."""


def mend(directory: RunDirectory, progress: Reporter) -> None:
    """Forget what was in damaged files, and say so; training goes on from the states that are left.

    A chunk whose metrics are lost is trained again from the newest state before it; what came after
    it stands. A state at the end of a batch, which others may begin with, is made again.
    """
    for text in directory.mended:
        progress.noted(text)
    damage = directory.damaged()
    for one in damage:
        progress.noted(f"{one.why.partition(';')[0]}: its runs are computed again")
    batches = {k: Batch.from_json(x) for k, x in directory.ledger.batches().items()}
    latest = {run: number for number, batch in batches.items() for run in batch.runs}
    chunks, states = _lost(directory, batches, damage)
    if not chunks and not states:
        return
    runs = {run for number, _ in chunks for run in batches[number].runs if latest[run] == number}
    why = "; ".join(one.why for one in damage)
    if not damage:
        why = "states are gone that others begin with"
        progress.noted(f"{why}: their runs are computed again")
    directory.ledger.forget(sorted(chunks), sorted(states), sorted(runs), why)


def forgotten(directory: RunDirectory) -> list[Part]:
    """Every chunk that was ever acknowledged and forgotten, whether or not it is there again."""
    told = map(json.loads, directory.ledger.events("forgotten"))
    return [tuple(part) for one in told if one["what"] == "chunks" for part in one["which"]]


def _lost(
    directory: RunDirectory, batches: dict[int, Batch], damage: list[Damage]
) -> tuple[set[Part], set[Part]]:
    """The chunks that have to be trained again, and the states that are no more."""
    states = {part for one in damage for part in one.checkpoints}
    chunks = {part for one in damage for part in one.chunks}
    chunks |= {(n, chunk) for n, chunk in states if chunk + 1 == batches[n].until}
    there = {(c.batch, c.chunk) for c in directory.ledger.checkpoints()} - states
    done = {(c.batch, c.chunk) for c in directory.ledger.chunks()}
    for number, batch in sorted(batches.items(), reverse=True):  # homes come before who left them
        span = range(batch.first, batch.until)
        missing = [c for c in span if (number, c) not in done or (number, c) in chunks]
        if not missing or any((number, c) in there for c in range(missing[0])):
            continue
        for source in batch.sources if batch.first else ():
            home = last_home(list(batches.values()), source, batch.first, batch.leg)
            if (home.id, home.until - 1) not in there:
                chunks.add((home.id, home.until - 1))
    return chunks, states
