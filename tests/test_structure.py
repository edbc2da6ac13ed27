"""The tree keeps its shape: imports point down, files stay small, nothing is written twice."""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "jaxac"
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = [
    {"errors", "fields", "record", "hlo", "modules", "plain"},
    {"core"},
    {"config"},
    {"envs", "nets", "heads", "ops", "data"},
    {"runners"},
    {"algos"},
    {"registry"},
    {"sweep", "store", "report"},
    {"cli"},
]
LEVEL = {name: i for i, layer in enumerate(LAYERS) for name in layer}
WINDOW = 8  # lines


def part(path: Path) -> str:
    """The package part a file is in: `envs`, `core`, ..."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Modules of jaxac that a file imports, at any level of nesting."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.startswith("jaxac.")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = part(path)
    if own == "__init__":
        return
    for name in imports(path):
        other = name.split(".")[1]
        if other in LEVEL and other != own:
            assert LEVEL[other] <= LEVEL[own], f"{own} imports {name}"
    if own == "store":
        assert not any(name.split(".")[1] == "sweep" for name in imports(path))


def test_a_method_imports_at_most_one_other_method():
    for path in (PACKAGE / "algos").rglob("*.py"):
        found = (n for n in imports(path) if n.startswith("jaxac.algos."))
        names = {n for n in found if "tabular" not in n and ".records" not in n}
        assert len(names) <= 1, f"{path.name} imports {sorted(names)}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_are_small_and_say_what_they_are(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "the module has no docstring"


def test_nothing_is_written_twice():
    """No run of lines stands in two places, imports and closing brackets aside."""
    places = defaultdict(set)
    for path in FILES:
        text = path.read_text()
        imported = {
            i
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for i in range(node.lineno, (node.end_lineno or node.lineno) + 1)
        }
        code = [
            (i, x)
            for i, x in enumerate(map(str.strip, text.splitlines()), 1)
            if len(x) > 3 and i not in imported and not x.startswith(("#", '"""', "@"))
        ]
        for k in range(len(code) - WINDOW + 1):
            window = code[k : k + WINDOW]
            places["\n".join(x for _, x in window)].add(f"{path.name}:{window[0][0]}")
    twice = {text: at for text, at in places.items() if len(at) > 1}
    assert not twice, "\n\n".join(f"{sorted(at)}\n{text}" for text, at in twice.items())


def test_the_house_rules_of_imports():
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = {getattr(node, "module", ""), *(alias.name for alias in node.names)}
                assert not names & {"__future__", "*", "pickle", "cloudpickle"}, path
