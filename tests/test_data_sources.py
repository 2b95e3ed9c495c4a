"""The sample, npz files, and the names of sources and splits."""

from pathlib import Path

import numpy as np
import pytest

from hptjax.data import fashion_mnist, load_images
from hptjax.data.npz import SAMPLE_PATH
from hptjax.data.request import NoSplitError
from hptjax.errors import ConfigError, DataError
from tests.data_files import bare_machine  # noqa: F401

pytestmark = pytest.mark.usefixtures("bare_machine")

# --- the sample ---


@pytest.mark.parametrize(("split", "per_class"), [("train", 600), ("test", 100)])
def test_sample_is_balanced_fashion_mnist(split: str, per_class: int) -> None:
    sample = load_images("sample", split=split)
    assert sample.image_shape == (28, 28, 1)
    assert np.bincount(sample.labels).tolist() == [per_class] * 10
    assert sample.class_names == fashion_mnist.CLASS_NAMES
    trousers, bags = (sample.images[sample.labels == label] for label in (1, 8))
    assert bags.mean() > 1.3 * trousers.mean()  # a trouser covers little of its image
    assert len(np.unique(sample.images.reshape(sample.size, -1), axis=0)) > 0.99 * sample.size


def test_sample_is_small_and_names_its_license() -> None:
    assert SAMPLE_PATH.stat().st_size <= 4 * 2**20
    notice = SAMPLE_PATH.with_name("FASHION-MNIST-LICENSE.txt").read_text(encoding="utf-8")
    assert "MIT License" in notice
    assert "Zalando SE" in notice


# --- npz ---


def write_npz(path: Path, **arrays: object) -> str:
    np.savez(path, **{key: np.asarray(value) for key, value in arrays.items()})  # type: ignore[arg-type]
    return f"npz:{path}"


IMAGES = 255 - np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)


def load(source: str, split: str = "train", **options):
    """Returns the data set, and the lines of notify."""
    lines: list[str] = []
    return load_images(source, split=split, notify=lines.append, **options), lines  # type: ignore[arg-type]


def test_npz_with_splits(tmp_path: Path) -> None:
    splits = {"x_train": IMAGES, "y_train": [0, 4, 0, 4], "x_test": IMAGES[:1], "y_test": [[4]]}
    source = write_npz(tmp_path / "a.npz", **splits)
    (train, lines), (test, _) = load(source), load(source, "test")
    np.testing.assert_array_equal(train.images, IMAGES[..., None])
    assert train.class_names == test.class_names == ("0", "4")
    assert lines == [f"{tmp_path}/a.npz: y_train: the labels 0, 4 are 2 classes, in this order."]
    assert test.labels.tolist() == [1]
    assert test.labels.dtype == np.int32
    with pytest.raises(
        NoSplitError, match=r"no validation set: that needs the arrays x_val and y_"
    ):
        load_images(source, split="validation")


@pytest.mark.parametrize(
    "keys",
    [
        ("x_train", "y_train", "x_val", "y_val", "x_test", "y_test"),
        ("x_train", "y_train", "x_valid", "y_valid", "x_test", "y_test"),
        ("train_images", "train_labels", "val_images", "val_labels", "test_images", "test_labels"),
    ],
)
def test_npz_with_a_validation_set(tmp_path: Path, keys: tuple[str, ...]) -> None:
    values = [IMAGES, list("aabb"), IMAGES[2:3], ["b"], IMAGES[1:3], ["b", "a"]]
    source = write_npz(tmp_path / "a.npz", **dict(zip(keys, values, strict=True)))
    for split, labels in [("train", [0, 0, 1, 1]), ("validation", [1]), ("test", [1, 0])]:
        dataset, lines = load(source, split)
        assert dataset.labels.tolist() == labels
        assert dataset.class_names == ("a", "b")
        assert not lines


def test_npz_of_one_set_is_for_training(tmp_path: Path) -> None:
    colour = np.zeros((4, 3, 3, 3), np.uint8)
    write_npz(tmp_path / "a.npz", images=colour, labels=[0, 1, 1, 0], class_names=["cat", "dog"])
    dataset = load_images("npz:a.npz", data_dir=tmp_path)
    assert dataset.image_shape == (3, 3, 3)
    assert dataset.class_names == ("cat", "dog")
    with pytest.raises(
        NoSplitError, match=r"a\.npz: has one split \(images, labels\), which is for"
    ):
        load_images("npz:a.npz", split="test", data_dir=tmp_path)


def test_npz_says_what_it_leaves_out(tmp_path: Path) -> None:
    source = write_npz(
        tmp_path / "a.npz", images=IMAGES, labels=[0, 1] * 2, weights=[1], class_names=list("abc")
    )
    dataset, lines = load(source)
    assert dataset.num_classes == 3
    assert lines == [
        f"{tmp_path}/a.npz: holds arrays that are not used: weights.",
        f"{tmp_path}/a.npz, labels: no image is of the class c.",
    ]


def test_npz_scales_all_parts_as_the_training_part(tmp_path: Path) -> None:
    bright = np.linspace(0, 1, 36, dtype=np.float32).reshape(4, 3, 3)
    parts = {"x_train": bright, "y_train": [0, 1] * 2, "x_test": bright[:1], "y_test": [0]}
    source = write_npz(tmp_path / "a.npz", **parts)
    (train, lines), (test, _) = load(source), load(source, "test")
    assert lines == [
        f"{train.name}: numbers from 0 to 1 are multiplied by 255, rounded to grey levels."
    ]
    np.testing.assert_array_equal(test.images, train.images[:1])
    parts["x_test"] = bright[:1] * 255
    with pytest.raises(
        DataError, match=r"x_test: the training images are numbers from 0 to 1, thes"
    ):
        load_images(write_npz(tmp_path / "b.npz", **parts), split="test")


def test_npz_of_a_test_set_alone_takes_the_classes_of_a_network(tmp_path: Path) -> None:
    source = write_npz(tmp_path / "a.npz", x_test=IMAGES, y_test=["hen", "cat"] * 2)
    test, _ = load(source, "test", classes=["cat", "dog", "hen"])
    assert test.labels.tolist() == [2, 0, 2, 0]
    assert test.num_classes == 3
    with pytest.raises(DataError, match=r"labels must be in cat, dog, .* got hen"):
        load(source, "test", classes=["cat", "dog"])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES}, r"a\.npz: has no train set: .* x_train and y_train, or .* it holds x\."),
        ({"images": IMAGES}, r"a\.npz: images is there without labels"),
        (
            {"x_train": IMAGES, "y_train": [0, 1] * 2, "y_val": [0]},
            "y_val is there without x_val",
        ),
        (
            {"x_train": IMAGES, "y_train": [0, 1] * 2, "x_test": IMAGES[:2], "y_test": [1, 2]},
            r"y_test: labels must be in 0, 1, the classes .* got 2 \(1 of 2, the first at 1",
        ),
        (
            {"x_train": IMAGES, "y_train": [0, 1] * 2, "x_test": IMAGES[:2], "y_test": ["1", "x"]},
            r"a\.npz: y_test: labels must be in 0, 1, the classes .* got x",
        ),
        ({"images": IMAGES, "labels": [0, 1]}, r"a\.npz .*: 4 images but 2 labels"),
        ({"images": IMAGES / 4, "labels": [0, 1] * 2}, r"a\.npz.*float64 from 55 to 63.75: save"),
        ({"images": [b"x"], "labels": [0, 1]}, r"a\.npz: images: images must be numbers"),
        (
            {"images": IMAGES, "labels": [0, 1, 2, 0], "class_names": ["a", "b"]},
            r"labels must be in 0\.\.1, the classes of the training images, got 2",
        ),
        ({"images": IMAGES, "labels": [3] * 4}, "labels: a classifier needs at least 2 classes"),
    ],
)
def test_npz_errors(tmp_path: Path, arrays: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_images(write_npz(tmp_path / "a.npz", **arrays))


def test_a_file_that_is_no_npz_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(DataError, match=r"a\.npz: there is no such file"):
        load_images(f"npz:{path}")
    with pytest.raises(DataError, match=r"is a folder, not an \.npz file"):
        load_images(f"npz:{tmp_path}")
    write_npz(path, images=IMAGES, labels=[0, 1] * 2)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"a\.npz: not an \.npz archive, or a truncated one"):
        load_images(f"npz:{path}")
    write_npz(path, images=IMAGES, labels=[0, 1] * 2)
    damaged = bytearray(path.read_bytes())
    damaged[200] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(DataError, match=r"a\.npz: not a sound \.npz file \(Bad CRC"):
        load_images(f"npz:{path}")
    with path.open("wb") as file:
        np.save(file, IMAGES)
    with pytest.raises(DataError, match=r"a\.npz: not an \.npz archive"):
        load_images(f"npz:{path}")


def test_npz_never_unpickles(tmp_path: Path) -> None:
    source = write_npz(tmp_path / "a.npz", images=np.array([object()]), labels=[0])
    with pytest.raises(DataError, match="images: holds Python objects, which are never read"):
        load_images(source)


# --- the names of the source and the split ---


@pytest.mark.parametrize("source", ["mnist", "", "npz:", "tfds:", "npz", "sample:x", "zip:a"])
def test_unknown_source(source: str) -> None:
    with pytest.raises(ConfigError, match=f"must be sample, fashion_mnist, .*, got '{source}'"):
        load_images(source)


def test_unknown_split() -> None:
    with pytest.raises(ConfigError, match="split must be train, validation or test, got 'dev'"):
        load_images("sample", split="dev")  # type: ignore[arg-type]
    with pytest.raises(NoSplitError, match="has no validation set"):
        load_images("sample", split="validation")


def test_a_path_alone_is_answered_with_the_source() -> None:
    with pytest.raises(ConfigError, match=r"a file is written 'npz:mine\.npz'"):
        load_images("mine.npz")


def test_images_beside_a_test_set_are_for_training(tmp_path: Path) -> None:
    arrays = {"images": IMAGES, "labels": list("abab"), "x_test": IMAGES}
    source = write_npz(tmp_path / "a.npz", **arrays, y_test=list("bbaa"))
    (train, lines), (test, _) = load(source), load(source, "test")
    assert (train.labels.tolist(), test.labels.tolist()) == ([0, 1, 0, 1], [1, 1, 0, 0])
    assert lines == []
    with pytest.raises(NoSplitError, match="has no validation set"):
        load(source, "validation")
