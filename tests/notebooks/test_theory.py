"""The notebook runs from top to bottom, and shows every method that is registered as a study."""

import importlib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from jaxac import modules, registry

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "theory.ipynb"
STUDIES = registry.studies()


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def sections(notebook):
    """The code of each section, by its heading."""
    found, heading = {}, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            heading = cell.source.splitlines()[0].removeprefix("## ")
        else:
            found[heading] = cell
    return found


def figures(cell):
    return [x for x in cell.outputs if "image/png" in x.get("data", {})]


def test_notebook_runs_and_draws_a_figure_in_every_section(notebook, monkeypatch):
    root = str(NOTEBOOK.parents[1])
    monkeypatch.setenv("PYTHONPATH", root)
    fresh = nbformat.from_dict(notebook)
    for cell in fresh.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(
        fresh, timeout=300, kernel_name="python3", resources={"metadata": {"path": root}}
    ).execute()
    drawn = sections(fresh)
    for study in STUDIES.values():
        assert len(figures(drawn[study.section])) == 1, study.key


def test_stored_notebook_is_small_whole_and_names_no_machine(notebook):
    assert NOTEBOOK.stat().st_size < 2**20
    nbformat.validate(notebook)
    text = NOTEBOOK.read_text()
    assert not any(f'"{word}"' in text for word in ("stderr", "error"))
    for heading in (s.section for s in STUDIES.values()):
        assert len(figures(sections(notebook)[heading])) == 1, heading


@pytest.mark.parametrize("key", STUDIES)
def test_every_study_has_an_entry_a_section_that_calls_it_and_a_source(key, notebook):
    study = STUDIES[key]
    assert callable(modules.attribute(study.entry, "entry"))
    module, _, _ = study.entry.partition(":")
    source = importlib.import_module(module).__doc__ or ""
    assert study.paper.id.removeprefix("arXiv:") in source
    assert study.row and study.deviations and study.paper.authors
    cell = sections(notebook)[study.section]
    assert f"{module.rpartition('.')[2]}." in cell.source


def test_keys_are_no_algorithms_and_rows_are_no_duplicates():
    assert not STUDIES.keys() & registry.records().keys()
    rows = [s.row for s in STUDIES.values()]
    assert len(set(rows)) == len(rows) == 9
