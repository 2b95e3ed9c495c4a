"""What data.validation may say, how it is noted, and which images it gives."""

import numpy as np
import pytest
from PIL import Image

import hptjax
from hptjax.config.explain import validated
from hptjax.data.deal import held_out
from hptjax.errors import ConfigError, DataError
from hptjax.study.data import StudyData, load_test_data, prepare_data
from hptjax.study.data_config import DataConfig
from hptjax.tuning.images import read_images
from tests import fakes

MODEL = hptjax.ModelConfig.from_dict(fakes.model())


def config(**tree):
    return validated(DataConfig, tree, "data")


def noted(**tree):
    return config(**tree).model_dump(mode="json")


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 12, 12), np.uint8)


def prepared(given=None, **tree):
    lines = []
    return prepare_data(config(**tree), MODEL, 3, lines.append, given), lines


def same(one, other):
    np.testing.assert_array_equal(one.images, other.images)
    np.testing.assert_array_equal(one.labels, other.labels)


def test_a_share_is_noted_as_ever():
    assert "validation" not in noted()
    assert (
        noted(validation=0.3)
        == noted(validation_fraction=0.3)
        == noted(validation={"fraction": 0.3})
    )
    assert noted(validation=0.2) == noted()
    assert not {"size", "broken"} & noted().keys()


@pytest.mark.parametrize(
    "given",
    [5000, "test", "npz:val.npz", {"fraction": 0.3, "groups": "a"}, {"images": 5, "seed": 1}],
)
def test_other_forms_are_noted_as_they_are_written(given):
    tree = noted(validation=given)
    assert tree["validation"] == given
    assert "validation_fraction" not in tree
    assert DataConfig.model_validate(tree) == config(validation=given)
    assert config(validation=given).model_copy(update={"data_dir": "x"}).data_dir == "x"


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"validation": "tset"}, "data.validation.source: must be sample, .* got 'tset'"),
        ({"validation": True}, r"data.validation: must be a share \(0.2\), .*got True"),
        ({"validation": 1.5}, "must be less than 1, got 1.5"),
        ({"validation": 0.3, "validation_fraction": 0.3}, "leave one of them out"),
        ({"validation": {"images": 3, "fraction": 0.2}}, "takes fraction or images, got both"),
        ({"validation": {"source": "test", "seed": 1}}, "taken as it is, without seed"),
        ({"validation": {"grups": "a"}}, "did you mean 'groups'"),
        ({"size": "large"}, r"data.size: must be pixels, as 28 .* got 'large'"),
        ({"size": [28, 0]}, "data.size: must be pixels"),
        ({"broken": "keep"}, "data.broken"),
    ],
)
def test_mistakes_are_named(tree, message):
    with pytest.raises(ConfigError, match=message):
        config(**tree)


def test_a_number_of_images():
    data, _ = prepared(validation=500, source="sample")
    assert (data.train.size, data.validation.size) == (5500, 500)
    with pytest.raises(ConfigError, match="of 6000 images 1 to 5999 can be for validation, got 60"):
        prepared(validation=6000, source="sample")


def test_the_test_set_is_the_validation_set_and_then_no_other(tmp_path):
    data, _ = prepared(validation="test", source="sample")
    assert (data.train.size, data.validation.size) == (6000, 1000)
    with pytest.raises(DataError, match="sample: its test set is the validation set"):
        load_test_data(config(validation="test"), MODEL, notify=print)


def test_a_background_is_of_pictures_and_not_of_arrays_beside_them(tmp_path):
    for name, k in (("a", 0), ("b", 1)):
        (tmp_path / "icons" / name).mkdir(parents=True)
        for i in range(3):
            pixels = np.dstack([images(1, i)[0], np.full((12, 12), 100 * k, np.uint8)])
            Image.fromarray(pixels, "LA").save(tmp_path / "icons" / name / f"{i}.png")
    np.savez(tmp_path / "b.npz", images=images(4, 1), labels=list("abab"))
    source = {"source": "folder:icons", "background": "white", "data_dir": str(tmp_path)}
    data, _ = prepared(**source, validation="npz:b.npz")
    assert (data.train.images[:3] == 255).all()
    np.testing.assert_array_equal(data.validation.images[..., 0], images(4, 1))
    assert noted(**source)["background"] == "white"
    assert "background" not in noted(source="folder:icons")


def test_another_source_has_the_classes_of_the_training_set(tmp_path):
    np.savez(tmp_path / "a.npz", images=images(12), labels=list("abcd") * 3)
    np.savez(tmp_path / "b.npz", images=images(4, 1), labels=list("ddaa"))
    data, _ = prepared(source="npz:a.npz", validation="npz:b.npz", data_dir=str(tmp_path))
    assert data.validation.class_names == tuple("abcd")
    assert data.validation.labels.tolist() == [3, 3, 0, 0]
    np.savez(tmp_path / "b.npz", images=images(4, 1), labels=list("xdaa"))
    with pytest.raises(DataError, match="got x"):
        prepared(source="npz:a.npz", validation="npz:b.npz", data_dir=str(tmp_path))


def test_validation_images_that_are_trained_on_are_said(tmp_path):
    own, labels = images(12), list("abcd") * 3
    np.savez(tmp_path / "a.npz", images=own, labels=labels)
    np.savez(tmp_path / "b.npz", images=np.concatenate([own[:2], images(4, 1)]), labels=labels[:6])
    for other, told in (("a", "12 of 12"), ("b", "2 of 6")):
        source = {"source": "npz:a.npz", "validation": f"npz:{other}.npz"}
        _, lines = prepared(**source, data_dir=str(tmp_path))
        assert f"{told} validation images are training images, too, to the last bit." in "".join(
            lines
        )


def test_a_relative_source_of_validation_is_beside_the_file(tmp_path, monkeypatch):
    np.savez(tmp_path / "b.npz", images=images(4, 1), labels=[0, 1, 2, 3])
    (tmp_path / "a.yaml").write_text(
        "model: {layers: [flatten, head]}\nspace: {lr: {float: [0.001, 0.1]}}\n"
        "data: {source: sample, validation: 'npz:b.npz'}\n"
    )
    study = hptjax.load_study(tmp_path / "a.yaml")
    assert study.data.data_dir == str(tmp_path)


def test_groups_of_a_file_stay_together(tmp_path):
    groups = np.arange(60) // 4
    labels = np.arange(60) % 4
    np.savez(tmp_path / "a.npz", images=images(60), labels=labels, patient=groups)
    source = f"npz:{tmp_path / 'a.npz'}"
    data, lines = prepared(source=source, validation={"fraction": 0.2, "groups": "patient"})
    assert not set(data.train.groups.tolist()) & set(data.validation.groups.tolist())
    assert data.validation.size == 12
    assert "3 of 15 groups, 12 of 60 images, are for validation." in lines[-1]
    with pytest.raises(ConfigError, match=r"has no array patients; it holds images, labels, pat"):
        prepared(source=source, validation={"groups": "patients"})


def test_groups_are_dealt_by_class_as_near_as_they_allow():
    rng = np.random.default_rng(0)
    groups = np.sort(rng.integers(0, 80, 1000))
    labels = (groups % 4 == 0).astype(int)  # a quarter of the groups is of the second class
    dealt = []
    for seed in range(5):
        stay, held = held_out(1000, 200, seed, labels, groups)
        dealt.append(held)
        assert not set(groups[stay]) & set(groups[held])
        assert len(stay) + len(held) == 1000
        assert abs(len(held) - 200) < 30
        assert abs(labels[held].mean() - labels.mean()) < 0.06
    again = held_out(1000, 200, 4, labels, groups)[1]
    np.testing.assert_array_equal(again, dealt[4])
    large = held_out(10, 1, 0, None, np.repeat([0, 1], 5))[1]
    assert len(large) == 5
    with pytest.raises(DataError, match="needs at least 2 groups, there is 7"):
        held_out(10, 1, 0, None, np.full(10, 7))


def test_images_that_are_given_are_split_as_those_of_a_source():
    sample = hptjax.load_images("sample")
    ours, _ = prepared(sample, source="memory", train_limit=300)
    theirs, _ = prepared(source="sample", train_limit=300)
    same(ours.train, theirs.train)
    same(ours.validation, theirs.validation)
    both = StudyData(ours.train, ours.validation)
    same(prepared(both, source="memory")[0].validation, ours.validation)
    with pytest.raises(ConfigError, match="these images were given in Python; give them again"):
        prepared(source="memory")
    with pytest.raises(ConfigError, match="test is of a source, these images were given"):
        prepared(sample, source="memory", validation="test")


def test_validation_arrays_are_scaled_as_those_for_training():
    X, y = images(12), list("abcd") * 3
    dark = X[:4] // 3
    for scale, kind in ((1 / 255, np.float32), (257, np.uint16), (1, np.int64)):
        given, held = ((part.astype(int) * scale).astype(kind) for part in (X, dark))
        data = read_images((given, y), (held, y[:4]), "classes", None, lambda line: None)
        assert isinstance(data, StudyData)
        np.testing.assert_array_equal(data.train.images[..., 0], X)
        np.testing.assert_array_equal(data.validation.images[..., 0], dark)
    data = read_images((X, y), (dark / dark.max(), y[:4]), "classes", None, lambda line: None)
    assert isinstance(data, StudyData)
    assert data.validation.images.max() == 255  # of another type: by its own scale, which is said


def test_size_and_channels_of_any_source():
    _, lines = prepared(source="sample", size=12, channels=3, train_limit=100)
    assert any("images are made RGB" in line for line in lines)
    assert any("28 x 28 pixels are resized to 12 x 12" in line for line in lines)
    # what the network predicts later is scaled once
    message = (
        r"data\.size: is 20 x 20, but the model takes images of 12 x 12: write data\.size: \[12"
    )
    with pytest.raises(ConfigError, match=message):
        prepared(source="sample", size=20)
    with pytest.raises(ConfigError, match=message):
        load_test_data(config(source="sample", size=20), MODEL)
    grey = hptjax.load_images("sample", channels=3)
    assert grey.image_shape == (28, 28, 3)
    assert np.ptp(grey.images, axis=-1).max() == 0


def test_colours_are_made_grey_as_pillow_does(tmp_path):

    pixels = np.random.default_rng(0).integers(0, 256, (2, 30, 30, 3), np.uint8)
    np.savez(tmp_path / "a.npz", pixels, [0, 1])
    ours = hptjax.load_images(f"npz:{tmp_path / 'a.npz'}", channels=1, notify=lambda line: None)
    theirs = np.asarray(Image.fromarray(pixels[1]).convert("L"))
    np.testing.assert_array_equal(ours.images[1, ..., 0], theirs)
