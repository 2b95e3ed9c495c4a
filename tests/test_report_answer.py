"""The head of the page: what the best network is and reaches, from the files of its run."""

import json
from html import unescape

import numpy as np
import pytest

from hptjax.config.model import read_model
from hptjax.errors import DataError
from hptjax.models.costs import network_costs
from hptjax.records import load_run
from hptjax.report import read_source
from hptjax.report.answer import answer, count_text
from hptjax.report.best import best_network
from hptjax.report.confusion import confused
from hptjax.report.parallel import parallel_coordinates
from hptjax.report.runs import runs_table
from tests import fakes
from tests.pages import Reader, make_run
from tests.test_report_browser import test_figures as figures_of_test


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    config = fakes.study(strategies=("random",), metric="val_accuracy")
    return make_run(tmp_path_factory.mktemp("made") / "a run", config)


@pytest.fixture
def run(made):
    """A run that has no test figures and no ensemble, however a test left it."""
    yield made
    for file in (made / "best" / "test.json", made / "kept" / "ensemble.json"):
        file.unlink(missing_ok=True)


def name_of(run):
    best = load_run(run).best
    return f"{best.strategy}/{best.number}"


def write(path, tree):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(tree))


def html_of(run):
    source = read_source(run)
    return answer(source.best, load_run(run).goal, len(source.trials), "sample")


def test_layers_and_costs_are_those_of_the_network(run):
    best = best_network(run, load_run(run))
    config = read_model(best.trial.config)
    assert sum(row.parameters for row in best.layers) == best.parameters
    assert best.parameters == network_costs(config).parameters
    assert best.layers[0].words.startswith("conv 4")
    assert best.layers[-1].out == "10"
    assert best.recipe.startswith("adam, ")
    tables = Reader(html_of(run)).tables
    assert [row[0] for row in tables[1][1:]] == [row.name for row in best.layers]
    assert dict(tables[2][1:])["lr"] == f"{best.trial.hparams['lr']:.4g}"


def test_it_says_how_to_get_test_figures_where_there_are_none(run):
    text = unescape(html_of(run))
    assert f"hptjax evaluate '{run}' measures the network" in text  # the name holds a blank
    assert "There are no test figures" in text
    assert "on the test images of sample" in text
    assert 'class="confusion' not in text


def test_test_figures_stand_beside_those_of_validation(run):
    write(run / "best" / "test.json", figures_of_test(name_of(run)))
    text, best = html_of(run), load_run(run).best
    (table,) = (t for t in Reader(text).tables if t[0][0] == "measure")
    assert table[0] == ["measure", "better", "validation", "test"]
    rows = {row[0]: row[1:] for row in table[1:]}
    assert rows["accuracy"] == ["higher", f"{best.last('val_accuracy'):.4f}", "0.8750"]
    assert rows["loss"][0] == "lower"
    assert "most often a cat is taken for &lt;b&gt;dog&lt;/b&gt;: 2 of 10" in text
    assert text.index("test accuracy") < text.index("val_accuracy, higher is better")


def test_figures_of_a_network_that_was_the_best_before_are_left_out(run):
    write(run / "best" / "test.json", figures_of_test("random/999"))
    assert best_network(run, load_run(run)).test is None


def test_an_ensemble_is_named_with_its_figures(run):
    tree = {"members": {"tpe/57": 3, "tpe/2": 1}, "measures": {"accuracy": 0.91}}
    write(run / "kept" / "ensemble.json", tree)
    text = html_of(run)
    assert (
        "An ensemble of tpe/57 (3 times), tpe/2 reaches accuracy 0.9100 on the validation images"
        in text
    )
    assert f"hptjax predict '{run}' image.png --ensemble" in unescape(text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("[", "not a file of a run"),
        ({"images": "many"}, "test.json.images: must be"),
        ({"confusion": [[1, 2]]}, "a row and a column for each of class_names"),
        ({"wrong": [{"index": 0, "label": "a", "predicted": "b", "probability": 1.0, "png": "<"}]},
         "must be base64"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_named(run, change, said):
    tree = figures_of_test(name_of(run))
    write(run / "best" / "test.json", tree)
    text = change if isinstance(change, str) else json.dumps(tree | change)
    (run / "best" / "test.json").write_text(text)
    with pytest.raises(DataError, match=said) as error:
        read_source(run)
    assert str(run / "best" / "test.json") in str(error.value)


def test_a_network_of_a_class_that_is_gone_is_said_to_be(run):
    found = load_run(run)
    best = found.best
    gone = {**best.config, "optimizer": "my_module_that_is_gone:Lion"}
    object.__setattr__(best, "config", gone)  # frozen: as a journal of another machine has it
    told = best_network(run, found)
    assert told.layers == ()
    assert "my_module_that_is_gone" in told.trouble


def test_classes_that_are_confused_most_come_first():
    counts = np.array([[5, 3, 0], [0, 9, 1], [4, 0, 2]])
    assert confused(counts) == [(2, 0, 4), (0, 1, 3), (1, 2, 1)]


@pytest.mark.parametrize(
    ("count", "text"), [(516_008, "516,008"), (7_340_000, "7.34 million"), (2.5e12, "2.5 trillion")]
)
def test_large_numbers_are_words(count, text):
    assert count_text(count) == text


def test_colours_of_the_best_are_darkest(run):
    table = runs_table({"run": load_run(run)}).assign(series="random")
    drawn = parallel_coordinates(table, ["lr"])
    assert drawn["names"][-1].startswith(f"{name_of(run)}: ")
    brightness = [sum(int(colour[k : k + 2], 16) for k in (1, 3, 5)) for colour in drawn["colors"]]
    assert brightness[-1] == min(brightness)
