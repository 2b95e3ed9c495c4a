"""hptjax data: what it tells of a source, and what may be wrong with it."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from hptjax.cli import main as cli
from hptjax.config.explain import validated
from hptjax.study.data_config import DataConfig


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def told(capsys, *arguments, code=0):
    assert cli.main(["data", *arguments]) == code
    out = capsys.readouterr()
    return out.err if code else out.out


def test_a_folder_is_told_class_by_class(tmp_path, capsys):
    for name, count in (("cat", 20), ("dog", 10)):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for k in range(count):
            pixels = noise(8, 6, seed=len(name) * count + k)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{k}.png")
    text = told(capsys, "folder:pets", "--size", "8x8", "--validation", "6", "--show", "a.png")
    assert "folder:pets: 30 images of 8 x 8 x 1, 2 classes; values " in text
    assert "30 pictures are resized to 8 x 8, in proportion, the centre cropped" in text
    cells = [line.replace("│", " ").split() for line in text.splitlines()]
    assert ["cat", "16", "4"] in cells
    assert ["dog", "8", "2"] in cells
    assert ["images", "24", "6"] in cells
    assert "! fewer than 10 images for training are of dog." in text
    assert "data: {source: folder:pets, validation: 6, size: [8, 8]}" in text
    assert "No test set: folder:pets: has no test set, which would be a folder test/" in text
    assert Image.open("a.png").width > 144


def test_the_share_that_is_told_is_the_key_of_a_config(capsys):
    text = told(capsys, "sample", "--validation", "0.3")
    tree = yaml.safe_load(text.partition("In a config:  data: ")[2])
    assert tree == {"source": "sample", "validation": 0.3}
    assert validated(DataConfig, tree, "data").wanted.fraction == 0.3


def test_the_config_that_is_told_is_yaml(capsys):
    for name in ("a", "b"):
        Path("pets", name).mkdir(parents=True)
        for k in range(6):
            Image.fromarray(noise(5, 5, seed=k)).save(f"pets/{name}/p{k // 2}-{k}.png")
    given = "{images: 4, stratified: false, groups: 'p(\\d)-'}"
    text = told(capsys, "folder:pets", "--validation", given, "--channels", "3")
    line = text.partition("In a config:  data: ")[2].strip()
    assert line.startswith(
        "{source: folder:pets, validation: {images: 4, stratified: false, groups"
    )
    assert yaml.safe_load(line) == {
        "source": "folder:pets",
        "validation": {"images": 4, "stratified": False, "groups": r"p(\d)-"},
        "channels": 3,
    }


def test_what_may_be_wrong_is_told(tmp_path, capsys):
    train = noise(60, 5, 5)
    train[1] = train[0]
    labels = np.array(["a", "b"] + ["a"] * 56 + ["b", "b"])
    test = noise(4, 5, 5, seed=1)
    test[2] = train[7]
    np.savez("a.npz", x_train=train, y_train=labels, x_test=test, y_test=["a"] * 4)
    text = told(capsys, "npz:a.npz", "--seed", "1")
    assert "! no image of test is of b." in text
    assert "times as many images for training as b" in text
    assert "! 1 image of train repeats another one of it." in text
    assert "! 1 image of train has several labels." in text
    assert "! 1 image of test is in train, too, to the last bit." in text
    assert "No test set" not in text
    assert "Nothing is missing" not in text


def test_targets_and_labels_are_told(capsys):
    np.savez("t.npz", images=noise(10, 5, 5), labels=np.linspace(0, 1, 10))
    text = told(capsys, "npz:t.npz", code=2)
    assert "labels must be whole numbers" in text
    assert "set task: regression (they are of the kind targets)." in text
    text = told(capsys, "npz:t.npz", "--kind", "targets")
    assert "largest" in text
    assert "In a config:  data: {source: npz:t.npz}; in its model:  task: regression\n" in text
    np.savez("l.npz", images=noise(10, 5, 5), labels=np.eye(10, dtype=int)[:, :3])
    text = told(capsys, "npz:l.npz", "--kind", "labels")
    assert "label" in text
    assert "; in its model:  task: multi_label\n" in text


def test_very_many_classes_are_not_all_listed(capsys):
    np.savez("m.npz", images=noise(400, 4, 4), labels=np.arange(400) % 100)
    text = told(capsys, "npz:m.npz")
    assert "70 others" in text
    assert len(text.splitlines()) < 60


def test_nothing_wrong_is_said_of_the_sample(capsys):
    text = told(capsys, "sample")
    assert "sample: 7000 images of 28 x 28 x 1, 10 classes; values 0 to 255" in text
    assert "Nothing is missing" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("sample", "--show", "a.gif"), "--show: must end in .png or .jpg, got a.gif"),
        (("sample", "--show", "no/a.png"), "--show: there is no folder"),
        (("sample", "--size", "x"), "data.size: must be pixels"),
        (("sample", "--validation", "nope"), "data.validation.source: must be"),
        (("smaple",), "data.source: must be sample"),
    ],
)
def test_mistakes_are_one_line(capsys, arguments, message):
    err = told(capsys, *arguments, code=2)
    assert message in err
    assert err.count("\n") == 1
