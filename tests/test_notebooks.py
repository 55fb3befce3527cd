"""The notebooks run from top to bottom, and what they hold is small."""

import os
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 500_000  # bytes, figures included


def test_there_are_notebooks_and_they_are_numbered():
    assert NOTEBOOKS
    assert all(path.name[:2].isdigit() for path in NOTEBOOKS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_outputs_are_there_and_small(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < LARGEST
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert outputs
    assert not [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_it_runs(path, monkeypatch):
    monkeypatch.setitem(os.environ, "MPLBACKEND", "module://matplotlib_inline.backend_inline")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(FOLDER)}}).execute()


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p.name.startswith("01_")], ids=lambda p: p.stem)
def test_the_first_notebook_trains_what_does_not_learn_and_what_the_remedy_makes_of_it(path):
    """Stored losses: a coin's ln 2 for the network as it is, well below it with the printed lines."""
    cells = nbformat.read(path, as_version=4).cells
    printed = "".join(o.text for c in cells for o in c.get("outputs", ()) if o.get("name") == "stdout")
    found = re.search(r"([\d.]+) as it is, ([\d.]+) with the remedy; a coin: ([\d.]+)", printed)
    as_it_is, changed, coin = map(float, found.groups())
    assert as_it_is == pytest.approx(coin, abs=0.01)
    assert changed < 0.8 * coin
    assert [line[:2] for line in printed.splitlines() if line[:2] in ("1.", "2.", "3.", "4.")][-4:] == [
        "1.",
        "2.",
        "3.",
        "4.",
    ]
