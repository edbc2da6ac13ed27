"""What a check found: findings, and the report that holds them."""

import dataclasses
import textwrap
from typing import Any

from jaxac.envs.check.kinds import KINDS, Severity
from jaxac.errors import EnvError

WIDTH = 100


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with an environment."""

    kind: str
    """A key of `jaxac.envs.check.kinds.KINDS`."""
    where: str
    """The field, function or leaf: `action_space`, `step`, `state.position after step`."""
    problem: str

    @property
    def severity(self) -> Severity:
        """`error` breaks the contract; `warning` is allowed, and seldom meant."""
        return KINDS[self.kind].severity

    @property
    def mend(self) -> str:
        """What to change."""
        return KINDS[self.kind].mend

    def __str__(self) -> str:
        lines = (f"{self.severity} {self.kind}: {self.where}: {self.problem}", f"mend: {self.mend}")
        return "\n".join(_wrapped(x, i) for i, x in enumerate(lines))


@dataclasses.dataclass(frozen=True)
class Report:
    """All findings about one environment, and what was looked at."""

    name: str
    findings: tuple[Finding, ...]
    checked: tuple[str, ...] = ()
    """What was looked at, in words."""
    skipped: tuple[str, ...] = ()
    """What could not be looked at before the errors are mended."""

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that break the contract."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that are allowed, and seldom meant."""
        return tuple(f for f in self.findings if f.severity == "warning")

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return not self.errors

    def raise_errors(self) -> None:
        """Raise `EnvError` with every error, if there is one."""
        if self.errors:
            raise EnvError("\n".join([f"{self.name} breaks the contract:", *map(str, self.errors)]))

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data, for JSON."""
        rows = [
            {
                "kind": f.kind,
                "severity": f.severity,
                "where": f.where,
                "problem": f.problem,
                "mend": f.mend,
            }
            for f in self.findings
        ]
        return {
            "env": self.name,
            "ok": self.ok,
            "findings": rows,
            "checked": list(self.checked),
            "skipped": list(self.skipped),
        }

    def __str__(self) -> str:
        counts = f"{_count(self.errors, 'error')}, {_count(self.warnings, 'warning')}"
        lines = [f"{self.name}: {counts if self.findings else 'nothing is wrong'}"]
        lines += map(str, self.errors + self.warnings)
        lines.append(_wrapped(f"checked: {'; '.join(self.checked) or 'nothing'}", 0))
        if self.skipped:
            lines.append(_wrapped(f"not checked: {'; '.join(self.skipped)}", 0))
        return "\n".join(lines)


def _wrapped(text: str, level: int) -> str:
    indent = "    " * level
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _count(findings: tuple[Finding, ...], word: str) -> str:
    return f"{len(findings)} {word}{'s' * (len(findings) != 1)}"
