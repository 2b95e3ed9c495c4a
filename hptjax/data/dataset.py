"""One contract for labelled images, their split, and picking some of them; all on the host."""

from dataclasses import dataclass, replace

import numpy as np

from hptjax.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, eq=False)
class ImageDataset:
    """Labelled images of one size. images: uint8 [N, H, W, C]; labels: int32 [N] in [0, K).

    class_names has K entries; name says where the images came from, and begins every error.
    Raises DataError where these do not hold.
    """

    images: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    name: str

    def __post_init__(self) -> None:
        _check_images(self.images, self.name)
        _check_labels(self.labels, len(self.images), len(self.class_names), self.name)

    @property
    def size(self) -> int:
        """Number of images N."""
        return len(self.images)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        _, height, width, channels = self.images.shape
        return height, width, channels

    @property
    def num_classes(self) -> int:
        """Number of classes K."""
        return len(self.class_names)

    def take(self, indices: np.ndarray) -> "ImageDataset":
        """The images of the given indices, in their order. indices: int [M]."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])


def train_validation_split(
    dataset: ImageDataset, *, fraction: float = 0.2, seed: int
) -> tuple[ImageDataset, ImageDataset]:
    """Deals the images at random into a training and a validation set; same seed, same split.

    fraction: the share of images that goes to validation (rounded, at least one on either side).
    Raises ConfigError for a fraction outside (0, 1), DataError for fewer than two images.
    """
    if not 0.0 < fraction < 1.0:
        raise ConfigError(f"validation fraction must be between 0 and 1, got {fraction}.")
    if dataset.size < 2:
        raise DataError(f"{dataset.name}: a split needs at least 2 images, got {dataset.size}.")
    held_out = min(max(round(dataset.size * fraction), 1), dataset.size - 1)
    order = np.random.default_rng(seed).permutation(dataset.size)
    return dataset.take(order[held_out:]), dataset.take(order[:held_out])


def _check_images(images: np.ndarray, name: str) -> None:
    if images.dtype != np.uint8:
        raise DataError(f"{name}: images must be uint8 grey levels 0..255, got {images.dtype}.")
    if images.ndim != 4:
        raise DataError(f"{name}: images must be [N, H, W, C], got shape {images.shape}.")
    if 0 in images.shape:
        raise DataError(f"{name}: images must not be empty, got shape {images.shape}.")


def _check_labels(labels: np.ndarray, images: int, classes: int, name: str) -> None:
    if labels.dtype != np.int32:
        raise DataError(f"{name}: labels must be int32, got {labels.dtype}.")
    if labels.ndim != 1:
        raise DataError(f"{name}: labels must be [N], got shape {labels.shape}.")
    if len(labels) != images:
        raise DataError(f"{name}: {images} images but {len(labels)} labels.")
    outside = np.flatnonzero((labels < 0) | (labels >= classes))
    if outside.size:
        first = int(outside[0])
        raise DataError(
            f"{name}: labels must be in 0..{classes - 1}, "
            f"got {int(labels[first])} at index {first} ({outside.size} outside)."
        )
