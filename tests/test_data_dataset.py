"""The dataset contract, the split, and the fitting of images to a size."""

from pathlib import Path

import numpy as np
import pytest

from hptjax.data import ImageDataset, resize_and_crop, train_validation_split
from hptjax.data.resize import resize_bilinear
from hptjax.errors import ConfigError, DataError

PILLOW = np.load(Path(__file__).parent / "data" / "pillow_reference.npz")  # Pillow 13.0.0


def numbered(count: int, shape: tuple[int, int, int] = (2, 3, 1)) -> ImageDataset:
    """Images whose every pixel is their index, so that a dataset tells which images it has."""
    index = np.arange(count)
    images = np.broadcast_to(index[:, None, None, None], (count, *shape)).astype(np.uint8)
    return ImageDataset(images, (index % 3).astype(np.int32), ("a", "b", "c"), "numbered")


def indices_of(dataset: ImageDataset) -> np.ndarray:
    return dataset.images[:, 0, 0, 0]


def test_properties_and_take() -> None:
    part = numbered(9, (2, 3, 4)).take(np.array([7, 2, 2]))
    assert (part.size, part.image_shape, part.num_classes) == (3, (2, 3, 4), 3)
    assert indices_of(part).tolist() == [7, 2, 2]
    assert part.labels.tolist() == [1, 2, 2]


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 4, 4, 1), np.float32), [0, 1], "x: images must be uint8 .* got float32"),
        (np.zeros((2, 4, 4), np.uint8), [0, 1], r"x: images must be \[N, H, W, C\], got .*2, 4, 4"),
        (np.zeros((0, 4, 4, 1), np.uint8), [], "x: images must not be empty"),
        (np.zeros((2, 4, 4, 1), np.uint8), [0, 1, 1], "x: 2 images but 3 labels"),
        (np.zeros((2, 4, 4, 1), np.uint8), [[0], [1]], r"x: labels must be \[N\], got .*2, 1"),
        (np.zeros((2, 4, 4, 1), np.uint8), [0, 2], r"x: labels must be in 0..1, got 2 at index 1"),
        (
            np.zeros((2, 4, 4, 1), np.uint8),
            [-1, 0],
            r"x: labels must be in 0..1, got -1 at index 0",
        ),
    ],
)
def test_nonsense_is_refused(images: np.ndarray, labels: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ImageDataset(images, np.array(labels, np.int32), ("a", "b"), "x")


def test_labels_must_be_int32() -> None:
    with pytest.raises(DataError, match="x: labels must be int32, got float64"):
        ImageDataset(np.zeros((2, 4, 4, 1), np.uint8), np.zeros(2), ("a",), "x")


def test_split_deals_every_image_once() -> None:
    train, validation = train_validation_split(numbered(101), seed=3)
    assert (train.size, validation.size) == (81, 20)
    dealt = np.concatenate([indices_of(train), indices_of(validation)])
    assert sorted(dealt.tolist()) == list(range(101))
    assert np.array_equal(train.labels, indices_of(train) % 3)


def test_split_is_the_seeds() -> None:
    first, again = (train_validation_split(numbered(50), seed=1)[1] for _ in range(2))
    other = train_validation_split(numbered(50), seed=2)[1]
    assert np.array_equal(first.images, again.images)
    assert not np.array_equal(first.images, other.images)


def test_split_leaves_neither_side_empty() -> None:
    train, validation = train_validation_split(numbered(2), fraction=0.01, seed=0)
    assert (train.size, validation.size) == (1, 1)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.2, 20.0, float("nan")])
def test_split_fraction_error(fraction: float) -> None:
    with pytest.raises(ConfigError, match=f"between 0 and 1, got {fraction}"):
        train_validation_split(numbered(10), fraction=fraction, seed=0)


def test_split_needs_two_images() -> None:
    with pytest.raises(DataError, match="numbered: a split needs at least 2 images, got 1"):
        train_validation_split(numbered(1), seed=0)


@pytest.mark.parametrize("images", ["garments", "noise"])
@pytest.mark.parametrize("size", [(14, 14), (20, 20), (32, 32), (40, 25)])
def test_resize_is_pillows_within_one_grey_level(images: str, size: tuple[int, int]) -> None:
    ours = resize_bilinear(PILLOW[f"{images}_images"][:10], *size).astype(int)
    difference = np.abs(ours - PILLOW[f"{images}_{size[0]}x{size[1]}"])
    assert difference.max() <= 1
    assert (difference > 0).mean() <= 0.05  # Pillow's weights are fixed-point numbers


def test_crop_takes_the_centre() -> None:
    columns = np.tile(np.arange(8, dtype=np.uint8), (1, 4, 1))[..., None]
    wide = ImageDataset(columns, np.zeros(1, np.int32), ("a",), "columns")
    cropped = resize_and_crop(wide, 4, 4)
    assert cropped.images[0, :, :, 0].tolist() == [[2, 3, 4, 5]] * 4


@pytest.mark.parametrize("target", [(1, 1), (5, 9), (9, 5), (3, 8), (28, 28)])
@pytest.mark.parametrize("shape", [(2, 3, 1), (7, 7, 3), (9, 4, 1)])
def test_resize_and_crop_gives_the_size_asked(shape: tuple, target: tuple) -> None:
    dataset = numbered(4, shape)
    fitted = resize_and_crop(dataset, *target)
    assert fitted.image_shape == (*target, shape[2])
    assert indices_of(fitted).tolist() == [0, 1, 2, 3]  # flat images stay flat, whatever the size
    assert np.array_equal(fitted.labels, dataset.labels)


def test_same_size_is_left_alone() -> None:
    dataset = numbered(3)
    assert resize_and_crop(dataset, 2, 3) is dataset


def test_size_error() -> None:
    with pytest.raises(ConfigError, match="at least 1 x 1 pixels, got 0 x 5"):
        resize_and_crop(numbered(1), 0, 5)
