"""What the compiled text of a program tells of how it will run."""

import dataclasses
import re
from collections.abc import Iterator

_COMPUTATION = re.compile(r"^(?:ENTRY )?%?([\w.\-]+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.\-]+) = (.*)$")
_NAME = re.compile(r"%([\w.\-]+)")
_TARGET = re.compile(r'custom_call_target="([^"]*)"')


@dataclasses.dataclass(frozen=True)
class _Instruction:
    name: str
    names: frozenset[str]  # operands, predecessors, called computations
    target: str  # of a custom call, or ""


def lapack_together(text: str) -> list[tuple[str, str]]:
    """Pairs of instructions that call LAPACK, or run what calls it, and do not wait for each other.

    `text` is `compiled.as_text()`. On a CPU such a pair may run at once. From jaxlib 0.10.0 on,
    two *batched* LAPACK calls that do so can hang for ever on a machine with few cores
    (docs/install.md).
    """
    program = dict(_computations(text))
    calls: dict[str, bool] = {}

    def has(computation: str) -> bool:
        if computation not in calls:
            calls[computation] = any(map(runs, program[computation].values()))
        return calls[computation]

    def runs(i: _Instruction) -> bool:
        return "lapack" in i.target or any(has(name) for name in i.names & program.keys())

    return [
        pair
        for instructions in program.values()
        for pair in _apart(instructions, [x for x, i in instructions.items() if runs(i)])
    ]


def _apart(instructions: dict[str, _Instruction], chosen: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of the chosen, of which neither needs the other."""
    needed: dict[str, set[str]] = {}  # instructions are listed after those that they need
    for name, i in instructions.items():
        before = i.names & needed.keys()
        needed[name] = set(before).union(*(needed[x] for x in before))
    for k, late in enumerate(chosen):
        yield from ((early, late) for early in chosen[:k] if early not in needed[late])


def _computations(text: str) -> Iterator[tuple[str, dict[str, _Instruction]]]:
    name, found = "", {}
    for line in text.splitlines():
        if begin := _COMPUTATION.match(line):
            name, found = begin[1], {}
        elif line.startswith("}"):
            yield name, found
        elif i := _INSTRUCTION.match(line):
            target = _TARGET.search(i[2])
            names = frozenset(_NAME.findall(i[2]))
            found[i[1]] = _Instruction(i[1], names, target[1] if target else "")
