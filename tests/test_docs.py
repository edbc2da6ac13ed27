"""The documents say what is so: links, sweep files, commands and programs in them are checked."""

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from benchmarks.environments import tables
from benchmarks.faults import tables as fault_tables
from benchmarks.sweep import tables as sweep_tables
from jaxac import registry
from jaxac.cli.main import parser
from jaxac.sweep import configs, spec

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
)
TEXTS = sorted(
    path
    for top in (ROOT / "docs", ROOT / "examples")
    for path in top.rglob("*")
    if path.suffix in (".md", ".toml", ".py", ".cff") and "_build" not in path.parts
) + sorted([*ROOT.glob("*.md"), *ROOT.glob("*.cff")])
FIRST_SCREEN = [
    "python -m pip install -e . -c constraints.txt && jaxac sweep quickstart",
    'python -m pip install -e ".[dev]" -c constraints.txt && pytest',
]
MACHINE_PATH = re.compile(r"(?<![\w.~])/(?:work|tmp|home|root|opt|usr|mnt|Users)/")
OTHER_SITE = re.compile(r"https?://(?!keepachangelog\.com/|semver\.org/)\S*")


def blocks(page, language):
    """Fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def commands(page):
    """Every shell command of a page, split into words."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words:
                end = words.index("&&") if "&&" in words else len(words)
                yield words[:end]
                words = words[end + 1 :]


def anchors(page):
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", x.lower()) for x in headings)
    return {x.replace(" ", "-") for x in kept}


def named(paths):
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def test_the_readme_begins_with_the_two_commands():
    fenced = re.findall(r"^```\w*\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert [x.strip() for x in fenced[:2]] == FIRST_SCREEN


@pytest.mark.parametrize("page", named(PAGES))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        to = (page.parent / file).resolve() if file else page
        assert to.exists(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(to), f"{page.name}: {target}"


@pytest.mark.parametrize("page", named(PAGES))
def test_sweep_files_are_valid(page):
    for block in blocks(page, "toml"):
        words = tomllib.loads(block)
        if "algorithm" in words:
            sweep = spec.from_words(words, page.name)
            params = [registry.make_env(env, sweep.wrappers).params for _, env in sweep.tasks]
            assert configs.configs(sweep, params)


@pytest.mark.parametrize("page", named(PAGES))
def test_commands_parse(page, capsys):
    for words in commands(page):
        if words[0] != "jaxac":
            continue
        try:
            options, flags = parser().parse_known_args(words[1:])
        except SystemExit as error:
            assert error.code == 0, f"{page.name}: {shlex.join(words)}: {capsys.readouterr().err}"
            continue
        assert not flags or options.run.__name__ == "train", f"{page.name}: {flags}"
        if hasattr(options, "file") and options.file.endswith(".toml"):
            assert (ROOT / options.file).exists(), f"{page.name}: {options.file}"


@pytest.mark.parametrize("page", named(PAGES))
def test_tests_that_are_named_exist(page):
    for words in commands(page):
        if words[0] == "pytest":
            for word in words[1:]:
                assert not word.startswith("tests") or (ROOT / word).exists(), word
    for path in re.findall(r"`pytest ([^`]*)`", page.read_text()):
        for word in shlex.split(path):
            assert not word.startswith("tests") or (ROOT / word).exists(), f"{page.name}: {word}"


@pytest.mark.parametrize("page", named(PAGES))
def test_programs_compile(page):
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")


@pytest.mark.parametrize("path", named(TEXTS))
def test_no_machine_is_named(path):
    text = path.read_text()
    for pattern in (MACHINE_PATH, OTHER_SITE):
        found = pattern.search(text)
        assert found is None, f"{path.name}: {found and found[0]}"


def test_the_table_of_faults_is_that_of_the_results_file_and_no_case_failed():
    text = fault_tables.PAGE.read_text()
    assert fault_tables.page(text) == text
    found = fault_tables.results()
    assert set(found) == set(fault_tables.WORDS)
    assert not any(x["failed"] for x in found.values())


def test_the_measured_tables_of_environments_are_those_of_the_results_file():
    text, whole = tables.PAGE.read_text(), json.loads(tables.RESULTS.read_text())
    assert tables.page(text, whole) == text
    assert {name.partition("/")[0] for name in whole["results"]} == {*registry.SUITES}


def test_the_measured_part_of_sweeps_is_that_of_the_results_file():
    text, whole = sweep_tables.PAGE.read_text(), json.loads(sweep_tables.RESULTS.read_text())
    assert sweep_tables.page(text, whole) == text
    assert whole["results"].keys() == {*sweep_tables.PARTS, "ways"}


def test_every_command_and_flag_is_documented():
    text = (ROOT / "docs" / "cli.md").read_text()
    (subparsers,) = (a for a in parser()._actions if isinstance(a.choices, dict))
    for name, command in subparsers.choices.items():
        assert f"\n## `jaxac {name}" in text, name
        section = text.partition(f"\n## `jaxac {name}")[2].partition("\n## ")[0]
        for action in command._actions:
            for flag in set(action.option_strings) - {"-h", "--help"}:
                assert re.search(rf"`{flag}\b", section), f"{name} {flag}"
