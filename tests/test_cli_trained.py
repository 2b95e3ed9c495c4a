"""A run's networks put to use by commands: predict, evaluate, train on, and the test at its end."""

import base64
import io
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
import yaml
from PIL import Image

import hptjax
from hptjax.cli import main as cli
from hptjax.cli.train import NOT_SAVED
from hptjax.data.request import silent
from hptjax.executors.local import make_trainer
from hptjax.population import Member, Population
from hptjax.records import load_run
from hptjax.search.judged import judge_best
from hptjax.search.retrain import train_alone, train_on
from hptjax.study import StudyConfig
from hptjax.study.data_config import DataConfig
from tests import fakes
from tests.commands import refused
from tests.nets import SIZE

TREE = {
    "model": fakes.model(),
    "space": {"lr": {"type": "float", "low": 0.003, "high": 0.01}},
    "data": {"source": "sample", "train_limit": 400},
    "strategies": ["random"],
    "population_size": 2,
    "budget": {"generations": 1},
    "epochs": 2,
    "metrics": ["val_auc"],
    "tensorboard": False,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a run that was really trained, and pictures of the test set."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "small.yaml").write_text(yaml.safe_dump(TREE))
    images = hptjax.load_images("sample", split="test").images
    for k in range(3):
        Image.fromarray(images[k, :, :, 0]).save(folder / f"{k}.png")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "set_up", lambda **options: None)
        assert cli.main(["run", str(folder / "small.yaml"), "--out", str(folder / "run")]) == 0
    return folder


@pytest.fixture(autouse=True)
def _here(made, monkeypatch):
    monkeypatch.chdir(made)
    monkeypatch.setattr(cli, "set_up", lambda **options: None)


def run(capsys, *words):
    """What a command prints."""
    capsys.readouterr()
    assert cli.main(list(words)) == 0
    return capsys.readouterr().out


def test_the_best_network_is_tested_once_at_the_end(made, capsys):
    found = json.loads((made / "run/best/test.json").read_text())
    best = load_run("run").best
    assert best is not None
    assert found["trial"] == f"random/{best.number}"
    assert found["images"] == 1000
    network, test = hptjax.load_network("run"), hptjax.load_images("sample", split="test")
    measured = network.evaluate(network.fit(test, silent))
    assert found["measures"]["accuracy"] == pytest.approx(measured["accuracy"])
    confusion = np.array(found["confusion"])
    assert confusion.trace() == pytest.approx(1000 * measured["accuracy"])
    wrong = found["wrong"]
    assert len(wrong) == 24
    assert [w["probability"] for w in wrong] == sorted(
        (w["probability"] for w in wrong), reverse=True
    )
    first = wrong[0]
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(first["png"]))))
    resized = network.fit(test, silent).images[first["index"], :, :, 0]
    np.testing.assert_array_equal(picture, resized)
    assert first["label"] == test.class_names[test.labels[first["index"]]] != first["predicted"]

    study, said = StudyConfig.from_dict(load_run("run").config), []
    assert judge_best(made / "run", study, notify=said.append) == found
    assert said == []


def test_an_ensemble_is_tested_beside_the_best_network_and_predicts(made, tmp_path, capsys):
    """Of the best network alone, twice: it is worth what that is."""
    copy = tmp_path / "run"
    shutil.copytree(made / "run", copy)
    error = refused(capsys, "predict", str(copy), "0.png", "--ensemble")
    assert "is no run that built one; a study does, with keep_best above 1." in error
    best = load_run("run").best
    (copy / "kept").mkdir()
    hptjax.load_network("run").save(copy / f"kept/random-{best.number}.safetensors")
    members = {f"random/{best.number}": 2}
    (copy / "kept/ensemble.json").write_text(json.dumps({"members": members, "measures": {}}))
    said: list[str] = []
    found = judge_best(copy, StudyConfig.from_dict(load_run("run").config), notify=said.append)
    assert found["ensemble"]["members"] == members
    assert found["ensemble"]["measures"] == pytest.approx(found["measures"], abs=1e-5)
    assert "Ensemble of 1: test accuracy" in said[0]
    error = refused(capsys, "evaluate", "run", "--ensemble")
    assert "is no run that built one; a study does, with keep_best above 1." in error
    for more in ([], ["--per-class"]):
        one = run(capsys, "evaluate", str(copy), *more)
        together = run(capsys, "evaluate", str(copy), *more, "--ensemble")
        assert "\nensemble of 1 network on test of sample (1000 images): loss " in together
        assert together == one.replace(f"trial random/{best.number}", "ensemble of 1 network")
    to = str(tmp_path / "all.onnx")
    assert "all.onnx: ensemble of 1 network." in run(
        capsys, "export", str(copy), "--ensemble", "--to", to
    ).replace("\n", "")
    found, images = hptjax.load_network("run"), hptjax.load_images("sample", split="test").take([3])
    images = found.fit(images, silent).images
    runtime = pytest.importorskip("onnxruntime")
    [chances] = runtime.InferenceSession(to).run(None, {"images": images})
    np.testing.assert_allclose(chances, found.predict_proba(images), atol=1e-5)
    error = refused(capsys, "export", str(copy), "--ensemble", "--to", "all.pt")
    assert "--ensemble: is exported as .onnx, not all.pt; its members lie in" in error
    alone = run(capsys, "predict", str(copy), "0.png", "1.png")
    assert run(capsys, "predict", str(copy), "0.png", "1.png", "--ensemble") == alone


def test_a_run_without_test_images_is_not_tested(made, tmp_path):
    shutil.copytree(made / "run", tmp_path / "run")
    (tmp_path / "run/best/test.json").unlink()
    study, said = StudyConfig.from_dict(load_run("run").config), []
    sample = hptjax.load_images("sample")
    np.savez(tmp_path / "train.npz", images=sample.images, labels=sample.labels)
    data = study.data.model_copy(update={"source": f"npz:{tmp_path}/train.npz"})
    other = study.model_copy(update={"data": data})
    assert judge_best(tmp_path / "run", other, notify=said.append) is None
    best = load_run("run").best
    assert best is not None
    values = {
        name: f"{name} {best.judged(f'val_{name}'):.4f}" for name in ("accuracy", "auc", "loss")
    }
    reached = (
        f"Best network (random/{best.number}): validation {', '.join(values.values())}; there "
    )
    assert said.pop() == f"{reached}are no other images to test it on."
    given = hptjax.load_images("sample", split="test").take(np.arange(50))
    found = judge_best(tmp_path / "run", other, test=given, notify=said.append)
    assert found is not None
    assert found["images"] == 50
    assert said[0].startswith("Best network (random/")
    assert said[0].endswith("on 50 images.")


def test_pictures_are_predicted_as_arrays_are(capsys):
    network = hptjax.load_network("run")
    test = hptjax.load_images("sample", split="test").images[:3]
    with pytest.warns(UserWarning, match="images of 28 x 28 pixels are resized to 12 x 12"):
        chances = network.predict_proba(test)
    out = run(capsys, "predict", "run", "0.png", "1.png", "--probabilities", "--csv", "f.csv")
    told = "pictures of other sizes are resized to 12 x 12, in proportion.\n"
    assert out == f"{told}f.csv: predictions of 2 pictures.\n"
    lines = Path("f.csv").read_text().splitlines()
    assert lines[0].split(",")[:3] == ["file", "class", "probability"]
    row = lines[1].split(",")
    assert row[:2] == ["0.png", network.class_names[chances[0].argmax()]]
    np.testing.assert_allclose([float(v) for v in row[3:]], chances[0], atol=5.1e-5)
    out = run(capsys, "predict", "run", ".", "--top", "2")
    assert "class 2" in out
    assert out.count(".png") == 3


def test_a_broken_picture_is_named_and_the_others_are_done(tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(Path("0.png").read_bytes()[:60])
    (tmp_path / "no.jpg").write_text("no picture")
    Image.open("1.png").convert("RGB").resize((12, 12)).save(tmp_path / "colour.png")
    Image.open("1.png").resize((20, 12)).save(tmp_path / "wide.png")
    words = Image.fromarray(np.full((12, 12), 257 * 9, np.uint16))
    words.save(tmp_path / "words.png")
    assert cli.main(["predict", "run", str(tmp_path)]) == 2
    out, error = capsys.readouterr()
    assert "pictures in colour: made grey" in out
    assert "pictures of 16 bits: divided by 257" in out
    assert "pictures of other sizes are resized to 12 x 12, in proportion, the centre cr" in out
    assert "colour.png" in out
    assert error.count("\n") == 2
    assert "bad.png: cannot be read as a picture (image file is truncated" in error
    assert "no.jpg: cannot be read as a picture" in error


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["gone.png"], "gone.png: no such file."),
        (["run"], "run: there is no picture in this folder."),
        (["0.png", "--top", "11"], "--top 11: must be from 1 to 10."),
    ],
)
def test_mistakes_of_predict_are_one_line(words, text, capsys):
    assert text in refused(capsys, "predict", "run", *words)


def test_evaluate_tells_of_each_class(capsys):
    out = run(capsys, "evaluate", "run", "--per-class")
    network = hptjax.load_network("run")
    found = network.per_class(network.fit(hptjax.load_images("sample", split="test"), silent))
    row = next(line for line in out.splitlines() if "Trouser" in line)
    assert f"{found.recall[1]:.4f}" in row
    assert "is / taken for" in out


def test_a_source_without_a_test_set_has_another_split(tmp_path, capsys):
    sample = hptjax.load_images("sample")
    np.savez(tmp_path / "train.npz", images=sample.images, labels=sample.labels)
    other = ["--data", f"npz:{tmp_path}/train.npz", "--split", "test"]
    line = refused(capsys, "evaluate", "run", *other)
    assert "--split validation" in line


def test_a_trial_is_trained_again_and_further(made, tmp_path, capsys):
    other = next(t for t in load_run("run").trials if t != load_run("run").best)
    name, out = f"random/{other.number}", str(tmp_path / "longer")
    said = run(capsys, "train", "run", "--trial", name, "--epochs", "3", "--out", out)
    assert "Epochs 1 to 2 are as recorded, bit for bit." in said
    assert "These weights are those after epoch 3; the trial is judged by epoch 2." in said
    assert f"epoch 2/3: train loss {other.epochs['train_loss'][1]:.4f}" in said
    network = hptjax.load_network(out)
    assert (network.trial["from"], network.trial["epoch"]) == (name, 3)
    assert network.trial["network"].keys() == {"val_loss", "val_accuracy", "val_auc"}
    assert f"trial {name} trained again, 3 epochs" in run(capsys, "evaluate", out)
    assert NOT_SAVED not in said

    told = refused(capsys, "train", "run", "--trial", name, "--continue", "--epochs", "1")
    assert "its weights are not kept" in told
    assert "give --epochs N" in refused(capsys, "train", "run", "--continue")
    assert "--seed: the images" in refused(capsys, "train", "run", "--trial", name, "--seed", "3")


def test_a_network_goes_on_from_its_weights(made, tmp_path, capsys):
    out, before = str(tmp_path / "on"), hptjax.load_network("run")
    said = run(capsys, "train", "run", "--continue", "--epochs", "1", "--out", out)
    assert "Going on from the weights after epoch 2, for 1 more" in said
    assert "fresh moments" in said
    assert "epoch 3/3: train loss" in said
    after = hptjax.load_network(out)
    assert after.trial["epoch"] == 3
    best = load_run("run").best
    assert best is not None
    assert before.trial["key"] == after.trial["key"] == best.key
    first = float(said.split("train loss ")[1].split()[0])
    assert first < best.epochs["train_loss"][-1]  # a fresh network would begin at ln(10)
    ours = before.variables["params"]["resnet"]["first_conv"]["conv"]["kernel"]
    assert not np.array_equal(
        after.variables["params"]["resnet"]["first_conv"]["conv"]["kernel"], ours
    )


def test_going_on_is_what_a_longer_training_would_have_been():
    """Of an optimizer that keeps nothing: with the images, augmentation and dropout of then."""
    layers = ["flatten", {"dropout": 0.5}, "head"]
    own = {"optimizer": {"sgd": {"momentum": 0.0}}, "augment": ["flip"], "batch_size": 24}
    model = hptjax.Model(layers=layers, input=[SIZE, SIZE, 1], outputs=10, lr=0.1, **own)
    member, images = Member(model, 2**31 + 7), DataConfig(source="sample")
    trainer = make_trainer([model], fakes.data(), images, seed=4, epochs=3)
    longer, _ = train_alone(Population.start(trainer, [member]), 3)
    shorter, _ = train_alone(Population.start(trainer, [member]), 1)
    given = {"seed": 4, "key": member.key, "age": 1, "epochs": 2}
    on, _ = train_on(model, shorter, fakes.data(), images, **given, on_epoch=lambda *told: None)
    jax.tree.map(np.testing.assert_array_equal, on, longer)


def test_a_run_is_told_from_its_network_and_is_not_written_over(made, tmp_path, capsys):
    """`train RUN` is not the recorded training; what a run holds cannot be lost to it."""
    assert cli.main(["train", "run", "--data", f"folder:{tmp_path}/none"]) == 2
    name = f"random/{load_run('run').best.number}"
    assert f"The network of {name}, from another random key than its own: --trial {name}" in (
        capsys.readouterr().out
    )
    lost = "--out run: is a run, whose best network would be lost; give another."
    assert lost in refused(capsys, "train", "run", "--out", "run")
    assert lost in refused(capsys, "train", "run", "--continue", "--epochs", "1", "--out", "run")


def test_a_saved_config_is_trained(capsys):
    said = run(capsys, "train", "run/best/config.yaml", "--epochs", "1")
    assert "epoch 1/1" in said
    assert said.endswith(f"\n{NOT_SAVED}\n")
    said = run(capsys, "train", "run", "--continue", "--epochs", "1")
    assert said.endswith(f"\n{NOT_SAVED}\n")
