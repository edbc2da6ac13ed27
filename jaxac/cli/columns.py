"""Plain text in columns."""


def columns(rows: list[tuple]) -> str:
    """Rows as lines, every column as wide as its widest cell."""
    text = [[str(x) for x in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*text, strict=True)]
    lines = [
        "  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)).rstrip() for row in text
    ]
    return "\n".join(lines)
