"""Pages with a part that is written from a results file."""

from pathlib import Path


def marks(command: str) -> tuple[str, str]:
    """The lines before and after what `command` writes."""
    return f"<!-- measured: written by `{command}` -->", "<!-- end of measured -->"


def page(text: str, command: str, shown: str) -> str:
    """`text` with what stands between the two marks replaced."""
    begin, end = marks(command)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{shown}\n\n{end}{after}"


def write(path: Path, command: str, shown: str) -> None:
    """Bring a page up to date."""
    path.write_text(page(path.read_text(), command, shown))
