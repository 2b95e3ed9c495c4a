"""The notebooks of experiments/: each runs from top to bottom, with small parameters."""

import json
import os
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "experiments"
LOGS = ROOT / "tests" / "data" / "original-study"
SHORT = {
    "run_trials": "SOURCE, EPOCHS, GENERATIONS, TRAIN_LIMIT = 'sample', 1, 1, 200\n"
    "SEEDS, OUT = [0], 'runs/trials'",
    "analyze_trials": f"SOURCES, OUT = [{str(LOGS)!r}], 'analysis'",
    "your_images": "TRIALS, EPOCHS, IMAGES = 8, 2, 800",
    "one_scan": "GENERATIONS, POPULATION, EPOCHS, IMAGES = 2, 4, 1, 400",
}
SAID = {
    "run_trials": ("grid generation 1: best", "des generation 1: best"),
    "analyze_trials": ("original: ", "published min", "[0-9]+ figures"),
    "your_images": ("Ensemble of", "'accuracy': "),
    "one_scan": ("loss [0-9.]+, accuracy 0[.][0-9]+", "conv0.out_channels"),
}


def source(cell):
    return "".join(cell["source"])


def test_there_is_a_test_of_each_notebook():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(SHORT)


@pytest.mark.parametrize("name", SHORT)
def test_a_notebook_is_small_and_has_parameters(name):
    path = FOLDER / f"{name}.ipynb"
    cells = json.loads(path.read_text())["cells"]
    assert path.stat().st_size < 20_000
    assert not any(cell.get("outputs") for cell in cells)
    assert cells[0]["cell_type"] == "markdown"
    assert source(cells[0]).startswith("# ")
    assert "google.colab" in source(cells[1])
    [parameters] = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", ())]
    given = set(re.findall("[A-Z_]{3,}", SHORT[name].replace(str(LOGS), "")))
    assert given == set(re.findall("^[A-Z_]{3,}(?= = )", source(parameters), re.M))
    for cell in cells:
        if cell["cell_type"] == "code":
            compile(source(cell), name, "exec")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHORT)
def test_a_notebook_runs(name, tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    for cell in book.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = SHORT[name]
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(book, timeout=300, kernel_name="python3", resources=resources).execute()
    if folder := os.environ.get("HPTJAX_KEEP_NOTEBOOKS"):  # to look at them
        nbformat.write(book, Path(folder) / f"{name}.ipynb")
    said = json.dumps([cell.get("outputs") for cell in book.cells])
    for words in SAID[name]:
        assert re.search(words, said), words
