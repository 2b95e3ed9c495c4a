"""Configs on the command line: labels, who is to blame, relative paths, and what a run wrote."""

import os

import numpy as np
import pytest

from hptjax.cli import main as cli
from hptjax.config.yaml_file import dump_yaml, read_yaml
from hptjax.errors import ConfigError
from hptjax.study import load_study
from hptjax.study.config import StudyConfig
from hptjax.study.load import load_train
from tests import fakes
from tests.commands import pretend_training

EXECUTOR = "hptjax.executors.local.local_executor"
TREE = {
    "model": fakes.model(),
    "space": fakes.SPACE.to_dict(),
    "data": {"source": "sample", "train_limit": 100},
    "strategies": ["random"],
    "population_size": 4,
    "tensorboard": False,
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with small.yaml; the trainer only pretends, and JAX stays as it is."""
    pretend_training(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(dump_yaml(TREE))
    return tmp_path


def mistake(capsys, *words):
    assert cli.main(list(words)) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize(
    "label",
    [
        *("", ".", "..", ".hidden", "a/b", "a b", "a\nb", "x" * 65, "\x1b[31m", "é"),
        *("=1+1", "+1", "-1", "@a", "nan", "None", "NA", "null", "1", "010", "1e5", "inf", "true"),
        *(3, None, ["a"]),
    ],
)
def test_a_label_must_be_a_folder_and_a_cell(label):
    with pytest.raises(ConfigError, match=r"strategies\.label: must be"):
        fakes.study(strategies=[{"name": "random", "label": label}])


@pytest.mark.parametrize("label", ["a", "optuna.TPESampler", "seed-1", "1a", "x_", "x" * 64])
def test_usual_labels_are_taken(label):
    assert fakes.study(strategies=[{"name": "random", "label": label}]).labels == (label,)


def test_labels_that_are_one_folder_are_refused():
    pair = [{"name": "random", "label": "A"}, {"name": "random", "label": "a"}]
    with pytest.raises(ConfigError, match="must not repeat one"):
        fakes.study(strategies=pair)


def test_who_brought_a_mistake_is_named(folder, capsys):
    line = mistake(capsys, "run", "small.yaml", "--epochs", "2", "--strategy", "foo")
    assert line.startswith("hptjax: --strategy: strategies: unknown searcher 'foo'")
    line = mistake(capsys, "run", "small.yaml", "--set", "seed=x", "--epochs", "2")
    assert line.startswith("hptjax: --set seed=x: seed: must be")
    line = mistake(capsys, "train", "model", "--epochs", "0")
    assert line.startswith("hptjax: --epochs: epochs: must be")
    (folder / "small.yaml").write_text(dump_yaml({**TREE, "seed": "x"}))
    line = mistake(capsys, "run", "small.yaml", "--epochs", "2")
    assert line.startswith("hptjax: small.yaml: seed: must be")
    assert cli.main(["run", "small.yaml", "--seed", "1"]) == 0  # an option mends the file


def test_a_name_of_nothing_names_the_packaged_configs(folder, capsys):
    line = mistake(capsys, "run", "nosuch")
    assert "big_model, keras_cnn, mnist_5k, model, optuna_mlp" in line


def test_what_a_run_wrote_every_command_reads(folder, capsys):
    assert cli.main(["run", "small.yaml", "--out", "run"]) == 0
    study = load_study("run/config.yaml")
    assert StudyConfig.from_dict(read_yaml(folder / "run" / "config.yaml")) == study
    assert load_study("run") == study
    capsys.readouterr()
    for words in (["run", "run"], ["run", "run/config.yaml"]):
        assert cli.main(words) == 0
        assert "this run is finished" in capsys.readouterr().out
    best = read_yaml(folder / "run" / "best" / "config.yaml")
    for path in ("run", "run/best", "run/best/config.yaml"):
        settings = load_train(path, ["epochs=3"])
        assert settings.model.to_dict() == best["model"]
        assert settings.data == study.data
        assert (settings.epochs, settings.seed) == (3, study.seed)
    for path in ("run", "run/config.yaml", "run/best", "run/best/config.yaml"):
        assert cli.main(["describe", path]) == 0
    line = mistake(capsys, "run", "run/best")
    assert "is this a saved network?" in line


def test_paths_in_a_file_are_relative_to_it_and_typed_ones_to_the_shell(folder, monkeypatch):
    images = np.zeros((20, 6, 6, 1), np.uint8)
    (folder / "sub").mkdir()
    np.savez(folder / "sub" / "x.npz", x_train=images, y_train=np.arange(20) % 2)
    tree = {**TREE, "data": {"source": "npz:x.npz"}}
    (folder / "sub" / "own.yaml").write_text(dump_yaml(tree))
    here = load_study("sub/own.yaml").data
    assert (here.source, here.data_dir) == ("npz:x.npz", str(folder / "sub"))
    monkeypatch.chdir(folder / "sub")
    assert load_study("own.yaml").data == here
    monkeypatch.chdir(os.sep)
    assert load_study(folder / "sub" / "own.yaml").data == here
    typed = load_study(folder / "sub" / "own.yaml", ["data.source=npz:y.npz"]).data
    assert typed.data_dir == os.sep
    given = load_study(folder / "sub" / "own.yaml", ["data.data_dir=elsewhere"]).data
    assert (given.source, given.data_dir) == ("npz:x.npz", "/elsewhere")


DOTTED = {
    "space.conv0.out_channels={int: [8, 12]}": {"conv0.out_channels": 12, "lr": 0.1},
    "space.conv0.out_channels.int=[8, 16]": {"conv0.out_channels": 16, "lr": 0.1},
    "space.lr.float=[0.01, 0.2]": {"conv0.out_channels": 32, "lr": 0.2},
    "space.conv0.kernel_size={choice: [3, 5]}": {
        "conv0.out_channels": 32,
        "lr": 0.1,
        "conv0.kernel_size": 5,
    },
}


@pytest.mark.parametrize("change", DOTTED)
def test_a_change_of_the_space_names_an_hparam_with_dots(folder, change):
    layers = [{"conv": {"out_channels": 8}}, "global_avg_pool", "head"]
    space = {"conv0.out_channels": {"int": [8, 32]}, "lr": {"float": [0.01, 0.1]}}
    (folder / "native.yaml").write_text(dump_yaml({"model": {"layers": layers}, "space": space}))
    found = load_study("native.yaml", [change]).space
    assert {name: entry.from_unit(1.0) for name, entry in found.items()} == DOTTED[change]
    with pytest.raises(ConfigError, match=r"space\.conv1\.stride: there is no layer conv1"):
        load_study("native.yaml", ["space.conv1.stride={choice: [1, 2]}"])
