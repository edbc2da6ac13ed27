"""What an engine is: where lane batches run."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from jaxac.sweep.batches import Batch


@dataclasses.dataclass(frozen=True)
class Advanced:
    """A chunk of a batch was acknowledged."""

    batch: Batch
    chunk: int
    metrics: Mapping[str, np.ndarray]  # [runs]: at least `finite` and `eval_return`
    seconds: float  # that it took, the batch's beginning included
    ended: bool  # whether that was all of the batch

    @property
    def scores(self) -> np.ndarray:
        """Evaluation returns [runs], NaN where a run has diverged."""
        return np.where(self.metrics["finite"] > 0, self.metrics["eval_return"], np.nan)


class Engine(Protocol):
    """Advances batches, each chunk durable before it tells of it."""

    @property
    def slots(self) -> int:
        """Batches that run at a time."""
        ...

    def next(self, batches: Sequence[Batch]) -> Advanced:
        """Wait for the next chunk of any of these batches, which are all that are not at their end.

        They are begun in order. Whatever is raised, all that was acknowledged stays.
        """
        ...

    def drain(self) -> bool:
        """Begin no chunk any more; whether one is under way, which `next` would wait for."""
        ...

    def close(self) -> None:
        """Stop what is under way; what is not acknowledged is lost."""
        ...
