"""The images of a study: splits, limits and sizes, said once and alike from everywhere."""

import numpy as np
import pytest
import yaml

import hptjax
from hptjax.cli import main as cli
from hptjax.errors import ConfigError, DataError
from hptjax.models import Classifier, evaluate_variables, init_variables
from hptjax.models.keys import root_key
from hptjax.study.data import StudyData, load_test_data, prepare_data
from hptjax.study.data_config import DataConfig
from tests import fakes, nets

MODEL = hptjax.ModelConfig.from_dict(fakes.model())
RESIZED = "images of 20 x 16 pixels are resized to 12 x 12, in proportion, the centre cropped."


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 20, 16), np.uint8)


def prepared(path, **options):
    lines = []
    config = DataConfig.model_validate({"source": f"npz:{path}", **options})
    return prepare_data(config, MODEL, 3, lines.append), lines


def test_the_validation_set_of_a_file_is_used(tmp_path):
    path = tmp_path / "a.npz"
    labels = np.arange(40) % 4
    given = dict(x_train=pictures(40), y_train=labels, x_val=pictures(8, 1), y_val=labels[:8])
    np.savez(path, **given)
    data, lines = prepared(path)
    assert (data.train.size, data.validation.size) == (40, 8)
    assert sum("8 images, which are the validation set" in line for line in lines) == 1
    assert [line for line in lines if "resized" in line] == [
        f"{path} [x_train, y_train]: {RESIZED}"
    ]
    other, _ = prepared(path, validation_fraction=0.5)
    np.testing.assert_array_equal(other.validation.images, data.validation.images)
    np.savez(path, **{**given, "x_val": pictures(8, 2)})
    changed, _ = prepared(path)
    assert not np.array_equal(changed.validation.images, data.validation.images)


def test_limit_and_split_of_ones_own_images_are_stratified(tmp_path):
    path = tmp_path / "a.npz"
    labels = np.repeat(list("abc"), [60, 36, 4])
    np.savez(path, images=pictures(100), labels=labels)
    data, lines = prepared(path, train_limit=50)
    counts = [np.bincount(part.labels).tolist() for part in (data.train, data.validation)]
    assert counts == [[24, 15, 1], [6, 3, 1]]
    assert not any("no image" in line for line in lines)
    plain, lines = prepared(path, train_limit=50, stratified=False)
    assert plain.train.size == 40


def test_of_the_validation_images_some_are_used_and_of_the_training_images_some_an_epoch(tmp_path):
    path = tmp_path / "a.npz"
    labels = np.repeat(list("ab"), [30, 10])
    np.savez(path, x_train=pictures(40), y_train=labels, x_val=pictures(40, 1), y_val=labels)
    whole, _ = prepared(path)
    data, _ = prepared(path, validation_limit=8, images_per_epoch=25)
    assert np.bincount(data.validation.labels).tolist() == [6, 2]
    assert data.train.size == 40
    assert {image.tobytes() for image in data.validation.images} <= {
        image.tobytes() for image in whole.validation.images
    }
    with pytest.raises(ConfigError, match=r"data.images_per_epoch: must be at most the 40 train"):
        prepared(path, images_per_epoch=41)
    assert prepared(path, validation_limit=41)[0].validation.size == 40
    assert "validation_limit" not in DataConfig().model_dump(mode="json")


def test_the_sample_is_split_as_ever():
    data = prepare_data(DataConfig(train_limit=200), MODEL, 3, lambda line: None)
    sample = hptjax.load_images("sample")
    chosen = np.sort(np.random.default_rng(3).permutation(6000)[:200])
    order = np.random.default_rng(3).permutation(200)
    np.testing.assert_array_equal(data.validation.labels, sample.labels[chosen[order[:40]]])
    np.testing.assert_array_equal(data.train.labels, sample.labels[chosen[order[40:]]])


def test_a_class_without_an_image_is_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, images=pictures(21), labels=[*("ab" * 10), "c"])
    _, lines = prepared(path)
    assert [line for line in lines if "no image" in line] == [
        f"{path} [images, labels], for validation: no image is of the class c."
    ]


@pytest.mark.slow
def test_every_entry_of_python_resizes_and_says_so(monkeypatch):
    images = hptjax.ImageDataset(pictures(32), np.arange(32) % 10, range(10), "mine")
    train, validation = images.take(np.arange(24)), images.take(np.arange(24, 32))
    study = fakes.study()
    with pytest.warns(UserWarning, match=f"mine: {RESIZED}") as said:
        hptjax.run_study(study, StudyData(train, validation), executor=fakes.FakeExecutor())
    assert len(said) == 1
    with pytest.warns(UserWarning, match=RESIZED) as said:
        metrics = hptjax.evaluate_population([nets.config()], train, validation, epochs=1)
    assert len(said) == 1
    fitted = StudyData(train, validation).fitted(nets.config(), lambda line: None)
    same = hptjax.evaluate_population([nets.config()], fitted.train, fitted.validation, epochs=1)
    np.testing.assert_array_equal(metrics["val_loss"], same["val_loss"])
    with pytest.warns(UserWarning, match=RESIZED):
        problem = hptjax.PopulationProblem(study.model, study.space, train, validation)
    assert problem.num_dims == 3


def test_a_pair_of_data_sets_is_no_study_data():
    with pytest.raises(ConfigError, match=r"must be hptjax\.StudyData.* got tuple"):
        hptjax.run_study(fakes.study(), (nets.images(32), nets.images(8)))  # type: ignore[arg-type]


def test_a_network_takes_bytes_as_they_are():
    variables = init_variables(MODEL, root_key(0))
    network, images = Classifier.from_config(MODEL), nets.images(40)
    bytes_, floats = (
        np.asarray(network.apply(variables, x, train=False))
        for x in (images.images, images.images.astype(np.float32) / 255)
    )
    np.testing.assert_allclose(bytes_, floats, atol=1e-6)
    accuracy = evaluate_variables(MODEL, variables, images)["accuracy"]
    assert accuracy == pytest.approx((bytes_.argmax(1) == images.labels).mean())
    with pytest.raises(ConfigError, match="floats from 0 to 1, or uint8 from 0 to 255, got int32"):
        network.apply(variables, images.images.astype(np.int32), train=False)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "set_up", lambda **options: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({"model": fakes.model()}))
    return tmp_path


def test_train_and_evaluate_on_a_file_of_one_set(here, capsys):
    np.savez("a.npz", images=pictures(60), labels=list("abc") * 20)
    words = ["m.yaml", "--data", "npz:a.npz"]
    assert cli.main(["train", *words, "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert out.count("no test set: ") == 1
    assert "has one split (images, labels), which is for training, and no test set" in out
    assert out.count("resized") == 1
    assert cli.main(["evaluate", "run", "--split", "test"]) == 2
    assert "and no test set" in capsys.readouterr().err
    for words in ([], ["--split", "validation"]):
        assert cli.main(["evaluate", "run", *words]) == 0
        assert "on validation of npz:a.npz (12 images)" in capsys.readouterr().out


def test_a_broken_test_set_is_said_before_the_training(here, capsys):
    given = dict(x_train=pictures(60), y_train=list("abc") * 20)
    np.savez("a.npz", **given, x_test=pictures(3), y_test=list("abd"))
    assert cli.main(["train", "m.yaml", "--data", "npz:a.npz"]) == 2
    captured = capsys.readouterr()
    assert "y_test: labels must be in a, b, c" in captured.err
    assert "epoch 1" not in captured.out


def test_evaluate_on_other_data_keeps_to_the_classes_of_the_network(here, capsys):
    np.savez("a.npz", images=pictures(60), labels=list("abc") * 20)
    assert cli.main(["train", "m.yaml", "--data", "npz:a.npz", "--out", "run"]) == 0
    np.savez("b.npz", x_test=pictures(4), y_test=list("cabb"))
    assert cli.main(["evaluate", "run", "--data", "npz:b.npz"]) == 0
    np.savez("b.npz", x_test=pictures(4), y_test=list("cadd"))
    capsys.readouterr()
    assert cli.main(["evaluate", "run", "--data", "npz:b.npz"]) == 2
    assert "labels must be in a, b, c" in capsys.readouterr().err
    np.savez("b.npz", x_test=pictures(4), y_test=[0, 1, 2, 2], class_names=list("cab"))
    assert cli.main(["evaluate", "run", "--data", "npz:b.npz"]) == 2
    assert "classes are c, a, b, but those of the network are a, b, c" in capsys.readouterr().err
    config = DataConfig.model_validate({"source": "npz:b.npz"})
    assert load_test_data(config, MODEL, notify=lambda line: None).class_names == ("c", "a", "b")


def test_predict_takes_images_as_the_training_did(here):
    images, labels = pictures(60), list("abc") * 20
    np.savez("a.npz", x_train=images, y_train=labels, x_test=images[:9], y_test=labels[:9])
    assert cli.main(["train", "m.yaml", "--data", "npz:a.npz", "--out", "run"]) == 0
    network = hptjax.load_network("run")
    assert network.class_names == ("a", "b", "c")
    chances = network.predict_proba(images)
    np.testing.assert_allclose(chances.sum(1), 1, atol=1e-5)
    test = load_test_data(
        DataConfig.model_validate({"source": "npz:a.npz"}), network.config, notify=lambda line: None
    )
    logits = Classifier.from_config(network.config).apply(
        network.variables, test.images.astype(np.float32) / 255, train=False
    )
    softmax = np.exp(np.asarray(logits)) / np.exp(np.asarray(logits)).sum(1, keepdims=True)
    np.testing.assert_allclose(chances[:9], softmax, atol=1e-5)
    for same in (images / 255, images.astype(np.int64), images[..., None], images.astype(float)):
        np.testing.assert_array_equal(network.predict_proba(same), chances)
    assert network.predict(images).tolist() == [("a", "b", "c")[k] for k in chances.argmax(1)]
    dark = (images[:2] // 8) / 255  # none is brighter than 0.13
    np.testing.assert_array_equal(
        network.predict_proba(dark), network.predict_proba(images[:2] // 8)
    )
    for wrong, message in [
        (images / 16, "scale them as the training images were"),
        (images.reshape(60, -1), "reshape"),
        (np.zeros((2, 12, 12, 3), np.uint8), r"takes images \[N, H, W, 1\]"),
        (np.full((2, 12, 12), np.nan), "finite"),
    ]:
        with pytest.raises(DataError, match=message):
            network.predict(wrong)


def test_what_is_true_of_several_parts_is_said_once(tmp_path):
    path, labels = tmp_path / "a.npz", [0, 2] * 20
    dark, names = pictures(40) // 16, list("abcdefgh")
    np.savez(
        path, x_train=dark, y_train=labels, x_val=dark, y_val=labels, class_names=names, mine=1
    )
    _, lines = prepared(path)
    assert [line.split(": ", 1)[1] for line in lines] == [
        "holds arrays that are not used: mine.",
        "no image is of these 6 classes: b, d, e, f, g, h.",
        lines[2].split(": ", 1)[1],
        "40 images, which are the validation set.",
        "40 of 40 validation images are training images, too, to the last bit.",
        RESIZED,
    ]
    assert "no number is above 15, where 255 is white" in lines[2]


def test_what_is_true_of_a_validation_or_test_set_alone_is_said(tmp_path, capsys):
    path, labels = tmp_path / "a.npz", [0, 1] * 20
    square = np.random.default_rng(0).integers(0, 256, (40, 12, 12), np.uint8)
    other = {"x_val": square // 16, "y_val": labels, "x_test": pictures(40), "y_test": labels}
    np.savez(path, x_train=square, y_train=labels, **other)
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({"model": fakes.model()}))
    assert cli.main(["train", str(tmp_path / "m.yaml"), "--data", f"npz:{path}"]) == 0
    out = capsys.readouterr().out
    assert f"{path} [x_val, y_val]: no number is above 15, where 255 is white" in out
    assert f"{path} [x_test, y_test]: {RESIZED}" in out


@pytest.mark.parametrize("part", ["val", "test"])
def test_parts_of_other_channels_are_refused_in_a_line(tmp_path, capsys, part):
    path, labels = tmp_path / "a.npz", [0, 1] * 20
    colour = np.repeat(pictures(40)[..., None], 3, 3)
    other = {f"x_{part}": pictures(40), f"y_{part}": labels}
    np.savez(path, x_train=colour, y_train=labels, **other)
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({"model": fakes.model()}))
    assert cli.main(["train", str(tmp_path / "m.yaml"), "--data", f"npz:{path}"]) == 2
    assert "images is 1 long, that of the training images 3: save" in capsys.readouterr().err


def test_parts_of_other_classes_are_refused():
    images = pictures(40)
    train = hptjax.ImageDataset(images, ["a", "b"] * 20)
    validation = hptjax.ImageDataset(images, ["b", "c"] * 20)
    for use in (
        lambda: StudyData(train, validation).fitted(MODEL),
        lambda: hptjax.evaluate_population([MODEL], train, validation),
    ):
        with pytest.raises(DataError, match="the classes are b, c, those of the training images a"):
            use()
