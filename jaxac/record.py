"""What the registry knows of an algorithm before anything is imported."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Paper:
    """Where a method was published."""

    title: str
    year: int
    id: str  # "arXiv:1707.06347", a DOI, or "" where there is none
    authors: str = ""


@dataclasses.dataclass(frozen=True)
class Record:
    """One algorithm: where its code is, what it implements, and how it departs from the paper.

    `make` and `defaults` are `module:function` names: `make(env) -> Algorithm` and
    `defaults() -> hyper-parameters`. `tuned` names a TOML file of settings per environment inside a
    package, `package:file.toml`.
    """

    key: str
    summary: str
    make: str
    defaults: str
    paper: Paper
    actions: tuple[str, ...]  # "Discrete", "Box"
    row: str = ""  # of papers.tsv, where the paper is in it
    deviations: tuple[str, ...] = ()
    tuned: str = ""
