"""Networks of a run as files: `hptjax export` and `hptjax evaluate`."""

import re

import jax
import numpy as np
import pytest
import yaml
from safetensors import safe_open
from safetensors.numpy import save_file

import hptjax
from hptjax.cli import main as cli
from hptjax.config.schema import ModelConfig
from hptjax.data import fashion_mnist, load_images
from hptjax.data.resize import resize_and_crop
from hptjax.errors import DataError
from hptjax.models import Classifier, evaluate_variables, init_variables
from hptjax.models.keys import root_key
from hptjax.records import SavedNetwork, Status, load_network, load_run, save_network
from hptjax.search.network import data_notes
from hptjax.study.data_config import DataConfig
from tests import fakes
from tests.commands import pretend_training

DATA = {"source": "sample", "train_limit": 200}
TREE = {
    "model": fakes.model(),
    "space": fakes.SPACE.to_dict(),
    "data": DATA,
    "strategies": ["random", "tpe"],
    "population_size": 6,
    "budget": {"generations": 1},
    "epochs": 2,
    "tensorboard": False,
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Makes a run with a fake trainer, in the present folder."""
    pretend_training(monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(TREE))
    assert cli.main(["run", "small.yaml", "--out", "run"]) == 0
    return tmp_path / "run"


@pytest.fixture
def fail(capsys):
    """Runs the command line, which must refuse in one line with exit code 2; gives the line."""

    def refused(*words):
        capsys.readouterr()
        assert cli.main([str(word) for word in words]) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    return refused


@pytest.fixture(scope="module")
def network():
    config = ModelConfig.from_dict(fakes.model())
    return SavedNetwork(
        config,
        init_variables(config, root_key(3)),
        data_notes(DataConfig.model_validate(DATA), 5, None, fashion_mnist.CLASS_NAMES),
    )


def test_a_file_gives_the_same_logits(network, tmp_path):
    path = tmp_path / "net.safetensors"
    save_network(path, network)
    config, variables = hptjax.load_best(path)
    assert config == network.config
    x = jax.random.uniform(jax.random.key(0), (4, config.init_length, config.init_width, 1))
    want, got = (
        Classifier.from_config(config).apply(v, x, train=False)
        for v in (network.variables, variables)
    )
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), atol=1e-6)
    assert load_network(path).trial == network.trial


def test_a_file_of_others_is_refused(tmp_path):
    path = tmp_path / "net.safetensors"
    with pytest.raises(DataError, match=r"net\.safetensors: there is no such run or file"):
        load_network(path)
    save_file({"w": np.ones(3, np.float32)}, path)
    with pytest.raises(DataError, match="not of this program, or damaged"):
        load_network(path)


def test_the_best_network_is_exported_as_it_was_saved(run, capsys):
    assert cli.main(["export", str(run), "--to", "out/best.safetensors"]) == 0
    best, exported = load_network(run), load_network("out/best.safetensors")
    assert exported.config == best.config
    assert exported.trial == best.trial
    np.testing.assert_array_equal(
        exported.variables["params"]["trial"], best.variables["params"]["trial"]
    )
    trial = load_run(run).best
    assert trial is not None
    assert f"trial {trial.strategy}/{trial.number}" in capsys.readouterr().out
    with safe_open("out/best.safetensors", framework="numpy") as file:
        assert '"source": "sample"' in file.metadata()["hptjax"]


def test_a_trial_is_trained_again_from_its_record(run, monkeypatch, capsys):
    trial = next(t for t in load_run(run).trials if t.strategy == "tpe" and t.age == 2)
    executor = fakes.FakeExecutor()
    monkeypatch.setattr("hptjax.search.retrain.local_executor", lambda *parts: executor)
    words = ["export", str(run), "--trial", f"tpe/{trial.number}", "--to", "t.safetensors"]
    assert cli.main(words) == 0
    assert executor.log == ["start 1", "epoch 0 of 1", "epoch 1 of 1"]
    assert "Warning" not in capsys.readouterr().out
    again = load_network("t.safetensors")
    assert again.trial["hparams"] == trial.hparams
    assert again.trial["network"]["val_loss"] == trial.last("val_loss")
    assert again.variables["params"]["trial"][0] == trial.key
    monkeypatch.setattr(fakes, "fake_loss", lambda member, epoch: 9.0)
    assert cli.main(words) == 0
    assert "Warning: val loss 9.0000, recorded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--trial", "3", "--to", "a.safetensors"], "several strategies: random/3, tpe/3"),
        (["--trial", "tpe/99", "--to", "a.safetensors"], "this run holds random/0..5, tpe/0..5"),
        (["--trial", "tpe/x", "--to", "a.safetensors"], "must be STRATEGY/N or N"),
        (["--to", "a.txt"], "must end in .safetensors, .onnx or .pt"),
        (["--to", "small.yaml/a.safetensors"], "cannot write it"),
    ],
)
def test_mistakes_of_export_are_one_line(run, fail, words, text):
    assert text in fail("export", run, *words)


def test_a_trial_without_a_network_says_why(tmp_path, run, fail):
    tree = {**TREE, "space": {"resnet_stride_l0": {"type": "int", "low": 1, "high": 30}}}
    (tmp_path / "wide.yaml").write_text(yaml.safe_dump(tree))
    assert cli.main(["run", "wide.yaml", "--out", "wide", "--strategy", "random"]) == 0
    trial = next(t for t in load_run("wide").trials if t.status is Status.INFEASIBLE)
    line = fail("export", "wide", "--trial", trial.number, "--to", "a.safetensors")
    assert f"trial random/{trial.number} was never trained: {trial.reason}" in line


def test_evaluate_measures_on_the_split_asked_for(network, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    path = tmp_path / "net.safetensors"
    save_network(path, network)
    found = {}
    for split in ("test", "train", "validation"):
        assert cli.main(["evaluate", str(path), "--split", split]) == 0
        output = capsys.readouterr().out
        images, loss = re.search(r"\((\d+) images\): loss (\S+)", output).groups()
        found[split] = (int(images), float(loss))
    assert (found["test"][0], found["train"][0], found["validation"][0]) == (1000, 160, 40)
    test = load_images("sample", split="test")
    test = resize_and_crop(test, network.config.init_length, network.config.init_width)
    loss = evaluate_variables(network.config, network.variables, test)["loss"]
    assert found["test"][1] == pytest.approx(loss, abs=1e-4)


def test_evaluate_takes_the_split_that_there_is(network, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    some = load_images("sample").take(np.arange(100))
    for name, part in (("all", some), ("own", some.take(np.arange(30)))):
        np.savez(tmp_path / f"{name}.npz", images=part.images, labels=part.labels)
    source = {"source": f"npz:{tmp_path}/all.npz"}
    for more, count in (({}, 20), ({"validation": f"npz:{tmp_path}/own.npz"}, 30)):
        notes = data_notes(DataConfig.model_validate(source | more), 5)
        path = tmp_path / "net.safetensors"
        save_network(path, SavedNetwork(network.config, network.variables, notes))
        assert cli.main(["evaluate", str(path)]) == 0
        output = " ".join(capsys.readouterr().out.split())
        assert "and no test set; that would be the arrays x_test and y_test: measured on" in output
        assert f" on validation of npz:{tmp_path}/all.npz ({count} images): loss" in output
        # of other images a part of theirs, and no validation images of the network's own
        other = ["--data", f"npz:{tmp_path}/all.npz", "--split", "validation"]
        assert cli.main(["evaluate", str(path), *other]) == 0
        assert "(20 images): loss" in capsys.readouterr().out


def test_mistakes_of_evaluate_are_one_line(network, tmp_path, monkeypatch, fail):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    path = tmp_path / "net.safetensors"
    assert "there is no such run or file" in fail("evaluate", path)
    save_network(path, network)
    assert "--data: must be sample" in fail("evaluate", path, "--data", "nowhere")
    assert "gone.npz" in fail("evaluate", path, "--data", "npz:gone.npz")
    images = np.zeros((8, 9, 9, 3), np.uint8)
    np.savez(tmp_path / "colour.npz", x_test=images, y_test=np.arange(8))
    line = fail("evaluate", path, "--data", f"npz:{tmp_path}/colour.npz")
    assert "channels" in line
    given = data_notes(DataConfig.model_validate({"source": "memory"}), 5)
    save_network(path, SavedNetwork(network.config, network.variables, given))
    assert "these images were given in Python; give them again" in fail("evaluate", path)
    save_network(path, SavedNetwork(network.config, network.variables, {}))
    assert "give --data" in fail("evaluate", path)


@pytest.mark.slow
def test_a_real_network_made_again_is_the_one_that_was_saved(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    monkeypatch.chdir(tmp_path)
    space = {"lr": {"type": "float", "low": 0.001, "high": 0.01}}
    tree = {**TREE, "space": space, "strategies": ["random"], "population_size": 3, "epochs": 3}
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(tree))
    assert cli.main(["run", "small.yaml", "--out", "run"]) == 0
    best = load_run("run").best
    assert best is not None
    assert cli.main(["export", "run", "--trial", str(best.number), "--to", "a.safetensors"]) == 0
    saved, again = load_network("run"), load_network("a.safetensors")
    assert again.trial["val_loss"] == best.last("val_loss")
    for ours, theirs in zip(
        jax.tree.leaves(again.variables), jax.tree.leaves(saved.variables), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
    capsys.readouterr()
    assert cli.main(["evaluate", "run", "--split", "validation"]) == 0
    assert f"loss {best.last('val_loss'):.4f}" in capsys.readouterr().out
