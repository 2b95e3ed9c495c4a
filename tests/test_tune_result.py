"""What `hptjax.tune` gives back, of networks that are trained: tables, plots, networks, pages."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

import hptjax
from hptjax import layers as L
from hptjax.cli import main as cli
from hptjax.config.yaml_file import dump_yaml
from hptjax.errors import ConfigError
from hptjax.records import run_dir
from hptjax.records.best import flatten
from tests.nets import images

MODEL = {
    "layers": ["flatten", {"linear": {"out_features": 8, "activation": "relu"}}, "head"],
    "lr": {"float": [0.001, 0.05], "log": True},
    "batch_size": 16,
}
WHERE = {"epochs": 2, "trials": 4, "population_size": 4, "searcher": "random"}
NAMES = ("ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen", "ibex", "jay")


@pytest.fixture(scope="module")
def given():
    """Images and the names of their classes, as people have them."""
    found = images(160)
    return found.images[..., 0], np.array(NAMES)[found.labels]


@pytest.fixture(scope="module")
def result(given, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "mine"
    return hptjax.tune(MODEL, given, **WHERE, out=out, progress=False)


def test_the_best_network_predicts_names(result, given, tmp_path):
    best = result.best
    found = best.predict(given[0])
    assert set(found) <= set(NAMES)
    np.testing.assert_array_equal(found, best.network.predict(given[0]))
    assert best.predict_proba(given[0][:3]).sum(1) == pytest.approx(1, abs=1e-5)
    assert best.evaluate(held_out(given))["loss"] == pytest.approx(best.value, abs=1e-5)
    assert best.value == min(trial.value for trial in result.trials)
    best.export(tmp_path / "best.safetensors")
    alone = hptjax.load_network(tmp_path / "best.safetensors")
    np.testing.assert_array_equal(alone.predict(given[0]), found)


def test_a_trial_says_all_of_itself(result):
    trial = result.trials[2]
    assert (trial.id, trial.status, trial.reason, trial.epoch) == ("random/2", "trained", None, 2)
    assert list(trial.hparams) == ["lr"] == list(result.space)
    assert trial.value == trial.metrics["val_loss"] == trial.curves["val_loss"][-1]
    assert len(trial.curves["val_accuracy"]) == 2
    assert trial.parameters == 144 * 8 + 8 + 8 * 10 + 10
    assert trial.flops == 2 * (144 * 8 + 8 * 10)
    assert trial.model.lr == pytest.approx(trial.hparams["lr"])
    assert result.trial("random/2") is trial
    with pytest.raises(ConfigError, match="none 'tpe/1'; this result holds random/0 to random/3"):
        result.trial("tpe/1")


def test_tables_are_those_of_the_run_directory(result):
    frame, epochs = result.to_frame(), result.epochs_frame()
    written = pd.read_csv(result.path / "trials.csv", keep_default_na=False, na_values=[""])
    np.testing.assert_allclose(frame["value"].astype(float), written["value"])
    assert list(frame) == list(written)
    assert len(epochs) == 8
    text, board = repr(result.leaderboard(2)), result.leaderboard(2).to_frame()
    assert "Leaderboard (val_loss, lower is better)" in text
    assert f" {result.best.value:.4f} " in text
    assert board.index.tolist() == [1, 2]
    assert board["trial"].iloc[0] == result.best.id
    assert board["val_loss"].is_monotonic_increasing
    assert board["lr"].iloc[0] == result.best.hparams["lr"]


def test_plots_are_shown_by_a_notebook_and_saved_by_a_script(result, tmp_path):
    for plot in (
        result.plot(),
        result.plot_curves("val_accuracy"),
        result.plot_curves(),
        result.plot_importances(),
        result.plot_parallel(),
    ):
        assert plot.axes.figure is plot.figure
        assert plot.axes.has_data()
    assert result.plot()._repr_png_().startswith(b"\x89PNG")
    assert result.plot().save(tmp_path / "best.svg").read_text().startswith("<?xml")
    assert result.plot_curves("val_accuracy").axes.get_ylabel() == "val accuracy"
    figure = matplotlib.figure.Figure()
    own = figure.subplots()
    assert result.plot(ax=own).axes is own
    assert own.get_ylabel() == "best val_loss so far"
    with pytest.raises(
        ConfigError, match="no curve is called 'val_acuracy'; did you mean 'val_accu"
    ):
        result.plot_curves("val_acuracy")


def held_out(given):
    """The part of the images that the study judges by."""
    return hptjax.train_validation_split(hptjax.ImageDataset(*given), seed=0)[1]


def test_a_network_is_trained_again_and_longer(result, given):
    best = result.retrain(result.best)
    kept = flatten(hptjax.load_network(result.path).variables)
    for name, weights in flatten(best.variables).items():
        np.testing.assert_array_equal(weights, kept[name])
    assert result.best.network is best
    longer = result.retrain(result.trials[0], epochs=6)
    assert longer.trial["epoch"] == 6
    reached = longer.evaluate(held_out(given))["loss"]
    assert reached < result.trials[0].value
    assert longer.trial["network"]["val_loss"] == pytest.approx(reached, rel=1e-5)
    assert longer.trial["from"] == result.trials[0].id
    assert not longer.trial.keys() & {"value", "val_loss"}  # they are another network's


def test_a_run_on_the_disk_is_the_same_result(result, given):
    loaded = hptjax.load_run(result.path)
    assert repr(loaded) == repr(result)
    assert loaded.stopped == result.stopped == "trial budget"
    assert loaded.ensemble is None
    assert loaded.test is None
    assert [trial.id for trial in loaded.pareto] == [loaded.best.id]
    np.testing.assert_array_equal(loaded.best.predict(given[0]), result.best.predict(given[0]))
    other = next(trial for trial in loaded.trials if trial.id != loaded.best.id)
    with pytest.raises(
        ConfigError, match=rf"{other.id}: its weights were not kept; result.retrain"
    ):
        other.predict(given[0])
    with pytest.raises(ConfigError, match=r"were given in Python; give them again, as in retrain"):
        loaded.retrain(other)
    with pytest.raises(ConfigError, match="retrain: the train and validation images or labels are"):
        loaded.retrain(other, data=(given[0], given[1][::-1]))
    network = loaded.retrain(other.id, data=given)
    assert other.network is network
    assert other.evaluate(held_out(given))["loss"] == pytest.approx(other.value, abs=1e-5)


def test_what_is_shown_is_short_in_a_terminal_and_a_page_in_a_notebook(result):
    assert repr(result) == (
        f"<Result {result.path}: 4 trials, 4 trained; best {result.best.id}: val_loss "
        f"{result.best.value:.4f}>"
    )
    assert (
        repr(result.best) == f"<Trial {result.best.id} trained: val_loss {result.best.value:.4f}>"
    )
    page = result._repr_html_()
    for text in ("4 trials, 4 trained", result.best.id, "judged by val_loss (lower is better)"):
        assert text in page
    assert page.count("<tr>") == 5
    assert "data:image/png;base64," in page
    own = result.best._repr_html_()
    assert "1,250 parameters, 2 epochs" in own
    assert "val_accuracy" in own


def test_a_notebook_shows_a_leaderboard_once(result, monkeypatch):
    """It asks for text as well as for a page, and the text must not be shown by itself."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = repr(result.leaderboard(2))
    assert "Leaderboard (val_loss, lower is better)" in text
    assert "\x1b" not in text


def test_a_page_about_the_run_is_written_in_it_or_where_it_shall_be(result, tmp_path, monkeypatch):
    asked = []

    def write_report(sources, folder):
        asked.append((folder, [len(source.trials) for source in sources.values()]))
        return folder / "report.html"

    monkeypatch.setattr("hptjax.report.html.write_report", write_report)
    assert result.report() == result.path / "report" / "report.html"
    assert result.report(tmp_path) == tmp_path / "report.html"
    assert asked == [(result.path / "report", [4]), (tmp_path, [4])]


def test_a_file_and_a_call_give_the_same_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = {"source": "sample", "train_limit": 60}
    tree = {"model": MODEL, "data": data, "epochs": 1, "strategies": ["random"], "seed": 3}
    tree |= {"population_size": 4, "budget": {"trials": 4}, "tensorboard": False}
    (tmp_path / "small.yaml").write_text(dump_yaml(tree))
    assert cli.main(["run", "small.yaml", "--out", "file", "--no-compile-cache"]) == 0
    called = hptjax.tune(
        MODEL, data, **WHERE | {"epochs": 1}, seed=3, out="call", tensorboard=False
    )
    assert run_dir.load_run("call").trials == run_dir.load_run("file").trials
    assert hptjax.load_run("file").best.id == called.best.id
    test = called.best.evaluate(hptjax.load_images("sample", split="test"))
    assert called.test["accuracy"] == pytest.approx(test["accuracy"], abs=1e-6)
    assert f"test loss {called.test['loss']:.4f}, accuracy " in called._repr_html_()
    for name in ("weights.safetensors", "config.yaml"):
        assert (tmp_path / "call" / "best" / name).read_bytes() == (
            tmp_path / "file" / "best" / name
        ).read_bytes()
    names = {path.name for path in (tmp_path / "file").iterdir()}
    assert {path.name for path in (tmp_path / "call").iterdir()} == names
    again = ["run", "small.yaml", "--out", "call", "--no-compile-cache"]
    assert cli.main(again) == 0  # and either goes on with what the other began
    read = hptjax.run("small.yaml", out="file", progress=False)
    assert read.best.id == called.best.id
    with pytest.raises(ConfigError, match=r"^file holds another study \(epochs: 1 there, 2 here\)"):
        hptjax.run("small.yaml", set={"epochs": 2}, out="file", progress=False)
    for change, text in (
        ({"epoch": 2}, "set={'epoch': 2}: epoch: unknown key; did you mean 'epochs'?"),
        ({"": 2}, "set={'': 2}: a key must be text such as 'budget.trials'."),
        ([1], "set: must be a mapping such as {'epochs': 5}, got [1]."),
    ):
        with pytest.raises(ConfigError) as caught:
            hptjax.run("small.yaml", set=change, progress=False)
        assert str(caught.value) == text


def test_a_metric_of_logits_judges_on_images_that_are_given_for_it(given):
    @hptjax.metric("maximize", sees="logits")
    def recall_of_3(logits, labels):
        return (logits.argmax(1)[labels == 3] == 3).mean()

    held = hptjax.ImageDataset(given[0][:40], given[1][:40], sorted(set(NAMES)), name="held")
    own = {"metric": recall_of_3, "validation": held, "out": False, "progress": False}
    found = hptjax.tune(MODEL, given, **WHERE, **own)
    assert found.best.value == max(trial.value for trial in found.trials)
    assert found.best.curves["val_recall_of_3"][-1] == found.best.value
    loss = found.best.metrics["val_loss"]
    assert found.best.evaluate(held)["loss"] == pytest.approx(loss, abs=1e-5)
    assert found.plot_curves().axes.get_ylabel() == "val recall of 3"


def test_a_caller_gives_test_images_which_mean_what_the_training_images_do(given, tmp_path):
    images, labels = given
    dark = (images[:30] * 0.4).round() / 255, labels[:30]
    given = images / 255, labels
    own = WHERE | {"out": tmp_path / "run", "progress": False, "keep_best": 2}
    found = hptjax.tune(MODEL, given, **own, test=dark)
    same = hptjax.ImageDataset(
        (dark[0] * 255).round().astype(np.uint8), dark[1], sorted(set(NAMES))
    )
    first = found.test
    assert first == pytest.approx(found.best.evaluate(same), abs=1e-6)
    other = images[30:50] / 255, labels[30:50]
    again = hptjax.tune(MODEL, given, **own, test=other)
    assert again.test != first
    assert hptjax.tune(MODEL, given, **own).test == again.test
    for data, test, said in (
        ("sample", dark, "^test: a source has its own test images"),
        (given, images, r"^test: must be \(X, y\) or an ImageDataset, got one array"),
    ):
        with pytest.raises(ConfigError, match=said):
            hptjax.tune(MODEL, data, **WHERE, test=test)


def test_several_networks_are_kept_and_predict_together(given):
    own = {"keep_best": 2, "select": "best_epoch", "out": False, "progress": False}
    found = hptjax.tune(MODEL, given, **WHERE, metric=["val_accuracy", "parameters"], **own)
    ranked = sorted(found.trials, key=lambda trial: -trial.value)
    for trial in ranked[:2]:
        reached = trial.evaluate(held_out(given))["accuracy"]
        assert reached == pytest.approx(trial.value, abs=1e-6)
        assert trial.value == max(trial.curves["val_accuracy"])
        assert trial.epoch == 1 + int(np.argmax(trial.curves["val_accuracy"]))
    assert set(found.ensemble.predict(given[0])) <= set(NAMES)
    assert found.pareto[0].id == found.best.id
    assert hptjax.load_run(found._folder).ensemble.weights == found.ensemble.weights


@pytest.mark.parametrize("thing", ["Model", "flax", "ModelConfig", "StudyConfig"])
def test_configs_have_pages(thing):
    if thing == "Model":
        conv = L.Conv(hptjax.integer(4, 8), label="stem", kernel_size=5)
        model = hptjax.Model(layers=[conv, L.Flatten(), L.Head()], lr=hptjax.loguniform(1e-3, 0.1))
        wanted = ("Model: 3 layers, 2 hparams open", "stem", "stem.out_channels", "kernel_size: 5")
    elif thing == "flax":
        module = {"module": "tests.own_nets:Plain"}
        model = hptjax.Model(flax=module)
        wanted = ("tests.own_nets:Plain",)
    elif thing == "ModelConfig":
        model = hptjax.load_model_config("model")
        wanted = ("ModelConfig", "batch_size", "resnet_config.first_conv")
    else:
        model = hptjax.load_study("quickstart")
        wanted = ("StudyConfig", "space.lr", "strategies", "budget.generations")
    page = model._repr_html_()
    for text in wanted:
        assert text in page
    assert page.count("<table>") == page.count("</table>") >= 1
    assert "\n" not in repr(model)
