"""Fitting images to a size on the host: antialiased bilinear resize, then a crop of the centre."""

from dataclasses import replace

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.errors import ConfigError

_BLOCK = 1024  # images resized at a time, so that the float copies stay small


def resize_and_crop(dataset: ImageDataset, height: int, width: int) -> ImageDataset:
    """Fits every image to height x width pixels and returns a new dataset.

    The image is scaled, keeping its proportions, until it just covers the target, then its centre
    is cropped; for a square target this is torchvision's Resize(side) and CenterCrop(side).
    Raises ConfigError for a size below one pixel.
    """
    if min(height, width) < 1:
        raise ConfigError(f"image size must be at least 1 x 1 pixels, got {height} x {width}.")
    if dataset.image_shape[:2] == (height, width):
        return dataset
    scaled = resize_bilinear(dataset.images, *_covering_size(dataset, height, width))
    top = round((scaled.shape[1] - height) / 2)
    left = round((scaled.shape[2] - width) / 2)
    cropped = scaled[:, top : top + height, left : left + width]
    return replace(dataset, images=np.ascontiguousarray(cropped))


def resize_bilinear(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Scales uint8 images [N, H, W, C] with a triangle filter that widens when shrinking.

    Like Pillow's BILINEAR: columns first, rounded to whole grey levels, then rows.
    """
    rows = _triangle_weights(images.shape[1], height)
    columns = _triangle_weights(images.shape[2], width)
    resized = np.empty((len(images), height, width, images.shape[3]), np.uint8)
    for start in range(0, len(images), _BLOCK):
        block = images[start : start + _BLOCK].astype(np.float32)
        block = _to_grey_levels(np.einsum("xw,nhwc->nhxc", columns, block, optimize=True))
        block = _to_grey_levels(np.einsum("yh,nhxc->nyxc", rows, block, optimize=True))
        resized[start : start + _BLOCK] = block
    return resized


def _covering_size(dataset: ImageDataset, height: int, width: int) -> tuple[int, int]:
    old_height, old_width, _ = dataset.image_shape
    if height * old_width >= width * old_height:  # the height is what limits
        return height, max(int(old_width * height / old_height), width)
    return max(int(old_height * width / old_width), height), width


def _triangle_weights(old: int, new: int) -> np.ndarray:
    """Row i holds the shares of the old pixels in new pixel i. Returns float32 [new, old]."""
    scale = old / new
    reach = max(scale, 1.0)  # half the filter's width, in old pixels
    centres = (np.arange(new) + 0.5) * scale
    distance = np.abs(np.arange(old) + 0.5 - centres[:, None]) / reach
    weights = np.maximum(1.0 - distance, 0.0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def _to_grey_levels(values: np.ndarray) -> np.ndarray:
    return np.clip(np.floor(values + 0.5), 0.0, 255.0)
