"""A notebook: tune, press stop, run the cell again, look, predict, export."""

import re

import pytest

import hptjax
from hptjax import notebook
from hptjax.report.cell import ProgressCell
from tests import fakes

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("onnxruntime")

SETUP = """
import os, signal
import numpy as np
import hptjax
from hptjax import layers as L
from tests.nets import images

found = images(120)
X, y = found.images, np.array(list("abcdefghij"))[found.labels]
model = hptjax.Model(
    layers=[L.Flatten(), L.Head()], lr=hptjax.loguniform(1e-3, 1e-1), batch_size=16
)

class Stop(hptjax.Sink):
    epochs = 0

    def epoch(self, strategy, epoch, metrics):
        self.epochs += 1
        if self.epochs == 6:  # in the middle of the second generation
            os.kill(os.getpid(), signal.SIGINT)

def tune(*callbacks):
    return hptjax.tune(model, (X, y), epochs=4, trials=8, population_size=4, out="run",
                       searcher="random", tensorboard=False, callbacks=callbacks)
"""
CELLS = (
    SETUP,
    "tune(Stop())",
    "sorted(os.listdir('run/snapshots'))",
    "result = tune()\nresult",
    "result.best",
    "result.best.predict(X[:3]).tolist(), set(y.tolist()) >= set(result.best.predict(X))",
    "result.plot()",
    "model",
    """
import onnxruntime

result.best.export("best.onnx")
logits, _ = onnxruntime.InferenceSession("best.onnx").run(None, {"images": X})
float(abs(logits - result.best.network.logits(X)).max()) < 1e-5
""",
)


@pytest.mark.slow
def test_a_cell_that_is_stopped_goes_on(tmp_path):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in CELLS])
    client = nbclient.NotebookClient(
        book, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    _, stopped, snapshots, whole, best, predicted, plot, model, export = map(outputs, book.cells)
    assert "Run directory: run" in stopped["stream"]
    assert "1 body, about " in stopped["stream"]
    assert "Stopping after this epoch; a second time stops at once." in stopped["stream"]
    assert "Interrupted with 4 trials; the same call goes on." in stopped["stream"]
    assert "ended by interrupted" in stopped["text/html"]
    assert "safetensors" in snapshots["text/plain"]
    assert "run: going on with the run that is there." in whole["stream"]
    assert "8 trials, 8 trained" in whole["text/html"]
    assert "ended by trial budget" in whole["text/html"]
    assert '<progress value="8" max="8">' in whole["display"]
    assert "best val_loss" in whole["display"]
    assert re.search(r"Trial random/\d trained: val_loss", best["text/html"])
    assert re.fullmatch(r"\(\['[a-j]', '[a-j]', '[a-j]'\], True\)", predicted["text/plain"])
    assert "image/png" in plot
    assert "Model: 2 layers, 1 hparams open" in model["text/html"]
    assert export["text/plain"] == "True"


def outputs(cell):
    """What a cell printed, what it displayed, and what it gave, by its kinds."""
    found = {"stream": "", "display": ""}
    for output in cell.outputs:
        if output.output_type == "stream":
            found["stream"] += output.text
        elif output.output_type == "display_data":
            found["display"] += output.data.get("text/html", "")
        elif output.output_type == "execute_result":
            found |= output.data
    return found


class Handle:
    def __init__(self):
        self.shown = []

    def display(self, thing, display_id):
        assert display_id is True
        self.update(thing)
        return self

    def update(self, thing):
        self.shown.append((repr(thing), thing._repr_html_()))


def test_the_bar_of_a_cell_is_redrawn_in_its_place():
    handle, now = Handle(), iter(range(1000))
    cell = ProgressCell("val_loss", display=handle.display, clock=lambda: next(now))
    hptjax.run_study(
        fakes.study(strategies=("random", "tpe"), budget={"trials": 16}),
        fakes.data(),
        executor=fakes.FakeExecutor(),
        sinks=[cell],
    )
    texts = [text for text, _ in handle.shown]
    assert texts[0].startswith("random, 0/16, ")
    assert any("epoch 2 of 8 networks: val_loss " in text for text in texts)
    assert "random, 16/16, " in texts[-1]
    assert texts[-1].endswith("trial budget")
    page = handle.shown[-1][1]
    assert page.count('<progress value="16" max="16"></progress>') == 2


def test_this_is_no_notebook():
    assert not notebook.in_notebook()


def test_tables_of_a_notebook_show_what_is_given_as_text():
    page = notebook.table(("a<b", ""), [("<script>", {"key": 0.123456}), (None, "x" * 500)])
    assert "<script>" not in page
    assert "a&lt;b" in page
    assert "{key: 0.1235}" in page
    assert "x" * 161 not in page
