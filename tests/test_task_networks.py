"""Networks of every task, trained and saved: their predictions, and their measures."""

import re

import numpy as np
import pytest
import yaml
from PIL import Image

import hptjax
from hptjax.cli import main as cli
from hptjax.data import ImageDataset
from hptjax.data.request import silent
from hptjax.errors import ConfigError
from hptjax.records.best import SavedNetwork, save_network
from hptjax.search import run_study
from hptjax.study import StudyConfig
from hptjax.study.data import StudyData
from tests import fakes, nets

FLAGS = np.stack([np.arange(10) % 2 == 0, np.arange(10) > 4, np.arange(10) < 3], 1)
NUMBERS = np.stack([np.arange(10) / 5 - 1, np.sin(np.arange(10))], 1)


def images(kind, count, seed):
    """The blobs of `nets.images`, with what their classes stand for."""
    base = nets.images(count, seed)
    values = (FLAGS if kind == "labels" else NUMBERS)[base.labels]
    names = ["even", "big", "small"] if kind == "labels" else ["x", "sin"]
    return ImageDataset(base.images, values, names, "blobs", kind=kind, notify=silent)


def model(task, outputs):
    tree = fakes.model()
    tree["mlp_config"]["block_list"][-1] |= {"out_size": outputs, "activation_fun": "none"}
    return {**tree, "task": task}


@hptjax.metric("minimize", sees="logits")
def wrong_labels(logits, labels):
    return ((logits > 0) != (labels == 1)).mean()


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """The best network of a small study of several labels, its trial, and the images."""
    data = StudyData(images("labels", 192, 0), images("labels", 100, 1))
    study = StudyConfig.from_dict(
        {
            "model": model({"multi_label": {"pos_weight": "balanced"}}, 3),
            "space": {"lr": {"choices": [0.003, 0.01]}}, "strategies": ["random"],
            "population_size": 2, "budget": {"generations": 1}, "epochs": 2,
            "metric": "val_macro_f1",
            "metrics": ["val_hamming_loss", "tests.test_task_networks:wrong_labels"],
        }
    )  # fmt: skip
    found = []
    run_study(study, data, on_best=lambda trial, variables: found.append((trial, variables)))
    trial, variables = found[-1]
    path = tmp_path_factory.mktemp("best") / "best.safetensors"
    config = hptjax.ModelConfig.from_dict(trial.config)
    names = list(data.train.class_names)
    save_network(path, SavedNetwork(config, variables, {"class_names": names}))
    return path, trial, data


def test_the_measures_of_a_saved_network_are_those_of_its_trial(labelled):
    path, trial, data = labelled
    measures = ["loss", "accuracy", "macro_f1", "micro_f1", "hamming_loss"]
    curves = {f"val_{name}" for name in (*measures, "wrong_labels")}
    assert set(trial.epochs) == curves | {"train_loss", "train_accuracy"}
    found = hptjax.load_network(path).evaluate(data.validation, measures)
    for name in measures:
        assert found[name] == pytest.approx(trial.last(f"val_{name}"), rel=1e-4), name
    assert trial.value == trial.last("val_macro_f1")
    assert trial.epochs["val_wrong_labels"] == pytest.approx(trial.epochs["val_hamming_loss"])


def test_a_network_of_labels_predicts_which_of_them_there_are(labelled):
    path, _, data = labelled
    network = hptjax.load_network(path)
    assert repr(network).startswith("<Network 12x12x1 -> 3 labels, ")
    chances = network.predict_proba(data.validation.images)
    guesses = network.predict(data.validation.images)
    assert guesses.dtype == bool
    np.testing.assert_array_equal(guesses, chances > 0.5)
    wrong = (guesses != (data.validation.labels == 1)).mean()
    assert wrong == pytest.approx(
        network.evaluate(data.validation, ["hamming_loss"])["hamming_loss"]
    )
    with pytest.raises(ConfigError, match="multi_label learns labels, but blobs has targets"):
        network.evaluate(images("targets", 8, 0))


@pytest.fixture(scope="module")
def regression(tmp_path_factory):
    """Returns a folder with a network's config, and the arguments that name its images."""
    folder = tmp_path_factory.mktemp("regression")
    train, test = images("targets", 192, 0), images("targets", 50, 1)
    np.savez(
        folder / "data.npz", x_train=train.images, y_train=train.labels, x_test=test.images,
        y_test=test.labels,
    )  # fmt: skip
    (folder / "mine.yaml").write_text(yaml.safe_dump(model({"regression": "huber"}, 2)))
    settings = (f"data.source=npz:{folder / 'data.npz'}", "data.augment=false", "epochs=8")
    return folder, [word for setting in settings for word in ("--set", setting)]


def test_a_regression_is_trained_and_evaluated_by_commands(regression, monkeypatch, capsys):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    folder, settings = regression
    out = folder / "out"
    assert cli.main(["train", str(folder / "mine.yaml"), *settings, "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    number = r"-?\d+\.\d{4}"
    epoch = f"train loss {number} mae {number}, val loss {number} mae {number} r2 {number} rmse"
    assert sum(bool(re.search(epoch, line)) for line in lines) == 8
    (told,) = (line for line in lines if line.startswith("test loss"))
    assert cli.main(["evaluate", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.rstrip().endswith(told.removeprefix("test "))
    assert float(re.search(f"r2 ({number})", told)[1]) > 0.3

    network, test = hptjax.load_network(out), images("targets", 50, 1)
    predicted = network.predict(test.images)
    assert predicted.shape == (50, 2)
    error = np.abs(predicted - test.labels).mean()
    assert f"mae {error:.4f}" in told
    with pytest.raises(ConfigError, match="a regression has no probabilities"):
        network.predict_proba(test.images)
    Image.fromarray(test.images[0, ..., 0]).save(folder / "a.png")
    small = np.array([[1.234567e-05, -20.5]])  # numbers have no fixed size
    monkeypatch.setattr(hptjax.Network, "outcomes", lambda self, images: small)
    table = folder / "found.csv"
    assert cli.main(["predict", str(out), str(folder / "a.png"), "--csv", str(table)]) == 0
    assert table.read_text().splitlines()[1].split(",")[1:] == ["1.23457e-05", "-20.5"]


def test_classes_are_no_targets(regression, monkeypatch, capsys):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    config = regression[0] / "mine.yaml"
    assert cli.main(["train", str(config), "--set", "data.source=sample"]) == 2
    assert "sample: has classes, but targets are to be learned" in capsys.readouterr().err
