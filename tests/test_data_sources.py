"""The sample, npz files, and the names of sources and splits."""

from pathlib import Path

import numpy as np
import pytest

from hptjax.data import fashion_mnist, load_images
from hptjax.data.npz import SAMPLE_PATH
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


IMAGES = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)


def test_npz_with_splits(tmp_path: Path) -> None:
    splits = {"x_train": IMAGES, "y_train": [0, 1, 0, 1], "x_test": IMAGES[:1], "y_test": [[4]]}
    source = write_npz(tmp_path / "a.npz", **splits)
    train, test = (load_images(source, split=split) for split in ("train", "test"))
    np.testing.assert_array_equal(train.images, IMAGES[..., None])
    assert train.class_names == test.class_names == ("0", "1", "2", "3", "4")
    assert test.labels.tolist() == [4]
    assert test.labels.dtype == np.int32


def test_npz_of_one_set_relative_to_data_dir(tmp_path: Path) -> None:
    colour = np.zeros((4, 3, 3, 3), np.uint8)
    write_npz(tmp_path / "a.npz", images=colour, labels=[0, 1, 1, 0], class_names=["cat", "dog"])
    dataset = load_images("npz:a.npz", data_dir=tmp_path)
    assert dataset.image_shape == (3, 3, 3)
    assert dataset.class_names == ("cat", "dog")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": IMAGES}, r"a\.npz: needs the arrays x_train and y_train, or .* it holds x\."),
        (
            {"images": IMAGES, "labels": [0.0] * 4},
            "labels: labels must be whole numbers, got float",
        ),
        ({"images": IMAGES, "labels": [-1, 0, 0, 0]}, r"labels must be 0 or more, got -1\.\.0"),
        ({"images": IMAGES, "labels": [0]}, r"a\.npz .*: 4 images but 1 labels"),
        ({"images": IMAGES / 255, "labels": [0] * 4}, r"a\.npz .*must be uint8 .* got float64"),
        ({"images": [b"x"], "labels": [0]}, r"a\.npz .*: images must be uint8"),
        (
            {"images": IMAGES, "labels": [0, 1, 2, 0], "class_names": ["a", "b"]},
            r"labels must be in 0\.\.1, got 2 at index 2",
        ),
    ],
)
def test_npz_errors(tmp_path: Path, arrays: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_images(write_npz(tmp_path / "a.npz", **arrays))


def test_npz_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with pytest.raises(DataError, match=r"a\.npz: there is no such file"):
        load_images(f"npz:{path}")
    write_npz(path, images=IMAGES, labels=[0] * 4)
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError, match=r"a\.npz: not an \.npz archive, or a truncated one"):
        load_images(f"npz:{path}")
    write_npz(path, images=IMAGES, labels=[0] * 4)
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
    with pytest.raises(DataError, match="allow_pickle=False"):
        load_images(source)


# --- the names of the source and the split ---


@pytest.mark.parametrize("source", ["mnist", "", "npz:", "tfds:", "npz", "sample:x", "zip:a"])
def test_unknown_source(source: str) -> None:
    with pytest.raises(ConfigError, match=f"must be sample, fashion_mnist, .*, got '{source}'"):
        load_images(source)


def test_unknown_split() -> None:
    with pytest.raises(ConfigError, match="split must be train or test, got 'validation'"):
        load_images("sample", split="validation")  # type: ignore[arg-type]
