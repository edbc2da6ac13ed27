"""The errors jaxac raises on purpose: what was wrong, where, and how to mend it."""

import difflib
from collections.abc import Iterable


class JaxacError(Exception):
    """Every error this package raises on purpose; the message says what to change."""


class ConfigError(JaxacError):
    """A hyper-parameter is unknown, of the wrong type or out of its valid range.

    `path` is the dotted name of the field (`surrogate.low`).
    """

    def __init__(self, path: str, problem: str):
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class RegistryError(JaxacError):
    """No algorithm or environment has this name, or it cannot be loaded."""


class EnvError(JaxacError):
    """An environment does not fit the algorithm, or breaks the contract."""


class SweepError(JaxacError):
    """A sweep file cannot be read, or contradicts itself."""


class StoreError(JaxacError):
    """A run directory is missing, damaged, busy, full, or holds something else."""


class DamageError(StoreError):
    """A file of a run directory is gone, or is not what was written; resuming mends it."""


class ReportError(JaxacError):
    """Results say too little for a report, or an optional package for it is missing."""


def closest(name: str, known: Iterable[str], count: int = 3) -> str:
    """`"; did you mean a, b?"` for the known names nearest to `name`, or all of few, or `""`."""
    known = sorted(known)
    lowered = {k.lower(): k for k in known}
    near = difflib.get_close_matches(name.lower(), lowered, n=count, cutoff=0.5)
    if near:
        return f"; did you mean {', '.join(lowered[k] for k in near)}?"
    return f"; there are {', '.join(known)}" if 0 < len(known) <= 16 else ""
