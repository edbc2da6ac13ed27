"""What the registry knows of a method before anything is imported."""

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


@dataclasses.dataclass(frozen=True)
class Study:
    """A method that is a function of a process known as arrays, not an algorithm for environments.

    `entry` is the `module:function` to begin with, and `section` its heading in
    `notebooks/theory.ipynb`, which shows a claim of the paper.
    """

    key: str
    summary: str
    entry: str
    paper: Paper
    section: str
    row: str = ""  # of papers.tsv, where the paper is in it
    deviations: tuple[str, ...] = ()
