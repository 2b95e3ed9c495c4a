"""Fits images to a size on the host: antialiased bilinear resize, then a crop of the centre."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hptjax.data.cover import covering_size
from hptjax.data.dataset import ImageDataset, check_alike
from hptjax.data.parts import warn
from hptjax.data.request import silent
from hptjax.errors import ConfigError, shown

_BLOCK = 1024  # images resized at a time, so that the float copies stay small
_BLOCK_NUMBERS = 2**26  # the most numbers in one such copy


def size_of(value: Any, path: str) -> tuple[int, int]:
    """Returns (height, width) of `28` for squares, or of `[28, 32]`; ConfigError otherwise."""
    sides = value if isinstance(value, list | tuple) else (value, value)
    if len(sides) != 2 or not all(type(side) is int and 1 <= side < 2**15 for side in sides):
        raise ConfigError(
            f"{path}: must be pixels, as 28 for squares or [28, 32] (height, width), got "
            f"{shown(value)}."
        )
    height, width = sides
    return height, width


def fitted(
    dataset: ImageDataset, height: int, width: int, notify: Callable[[str], None] = warn
) -> ImageDataset:
    """Does what `resize_and_crop` does; tells notify the old and new size if they differ."""
    old_height, old_width, _ = dataset.image_shape
    if (old_height, old_width) != (height, width):
        crop = "" if old_height * width == old_width * height else ", the centre cropped"
        notify(
            f"{dataset.name}: images of {old_height} x {old_width} pixels are resized to "
            f"{height} x {width}, in proportion{crop}."
        )
    return resize_and_crop(dataset, height, width)


def fitted_pair(
    train: ImageDataset,
    validation: ImageDataset,
    height: int,
    width: int,
    notify: Callable[[str], None] = warn,
) -> tuple[ImageDataset, ImageDataset]:
    """Fits both; reports once what is true of both. DataError unless they belong together."""
    check_alike(train, validation)
    same = train.image_shape[:2] == validation.image_shape[:2]
    other = silent if same else notify
    return fitted(train, height, width, notify), fitted(validation, height, width, other)


def resize_and_crop(dataset: ImageDataset, height: int, width: int) -> ImageDataset:
    """Returns a new dataset in which every image has height x width pixels.

    Each image is scaled, keeping its proportions, until it just covers the target; then its centre
    is cropped. For a square target this is torchvision's Resize(side) and CenterCrop(side).
    Raises ConfigError for a size below one pixel, DataError if nearly all of each image would be
    cropped away.
    """
    if min(height, width) < 1:
        raise ConfigError(f"image size must be at least 1 x 1 pixels, got {height} x {width}.")
    old_height, old_width, _ = dataset.image_shape
    if (old_height, old_width) == (height, width):
        return dataset
    target = covering_size((old_height, old_width), (height, width), dataset.name)
    top, left = (round((a - b) / 2) for a, b in zip(target, (height, width), strict=True))
    rows = _triangle_weights(old_height, target[0])[top : top + height]
    columns = _triangle_weights(old_width, target[1])[left : left + width]
    return dataset.changed(images=_resized(dataset.images, rows, columns))


def resize_bilinear(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scales uint8 images [N, H, W, C] by a triangle filter that widens when shrinking.

    It works like Pillow's BILINEAR: columns first, rounded to whole grey levels, then rows.
    """
    rows = _triangle_weights(images.shape[1], height)
    return _resized(images, rows, _triangle_weights(images.shape[2], width))


def _resized(images: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Resizes by the weights [new, old] of both axes."""
    largest = max(images[0].size, len(rows) * images.shape[2] * images.shape[3])
    block_size = min(_BLOCK, max(1, _BLOCK_NUMBERS // largest))
    resized = np.empty((len(images), len(rows), len(columns), images.shape[3]), np.uint8)
    for start in range(0, len(images), block_size):
        block = images[start : start + block_size].astype(np.float32)
        block = _to_grey_levels(np.einsum("xw,nhwc->nhxc", columns, block, optimize=True))
        block = _to_grey_levels(np.einsum("yh,nhxc->nyxc", rows, block, optimize=True))
        resized[start : start + block_size] = block
    return resized


def _triangle_weights(old: int, new: int) -> np.ndarray:
    """Returns float32 [new, old]: row i holds the shares of the old pixels in new pixel i."""
    scale = old / new
    reach = max(scale, 1.0)  # half the filter's width, in old pixels
    centres = (np.arange(new) + 0.5) * scale
    distance = np.abs(np.arange(old) + 0.5 - centres[:, None]) / reach
    weights = np.maximum(1.0 - distance, 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _to_grey_levels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.floor(values + 0.5), 0.0, 255.0)
