"""Images that a user gives to a trained network, brought to what it was trained on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.data.pixels import as_images, scale_of, to_bytes
from hptjax.data.request import silent
from hptjax.data.resize import fitted
from hptjax.errors import DataError

_WHAT = "predict"  # begins every error and every line


def prepared(images: Any, image: tuple[int, int, int], notify: Callable[[str], None]) -> np.ndarray:
    """The images as bytes [N, H, W, C]; image: (H, W, C) of the network.

    images: [N, H, W, C], one [H, W, C], for a grey network [N, H, W] or one [H, W] of its size, or
    a list of images of any sizes; uint8, floats from 0 to 1, or another plain range as of
    `ImageDataset`. notify: told of a resizing. Raises DataError.
    """
    if isinstance(images, str | Path):
        raise DataError(
            f"{_WHAT}: images must be arrays, got a path, {images}: the command hptjax predict RUN "
            "FILE reads files; in Python: predict(numpy.asarray(PIL.Image.open(FILE)))."
        )
    parts = [_batch(part, image) for part in _parts(images)]
    scale = _scale(parts)
    return np.concatenate([_sized(to_bytes(p, scale, _WHAT), image, notify) for p in parts])


def _parts(images: Any) -> list[Any]:
    """The images in groups of one size."""
    if not isinstance(images, list | tuple) or not images:
        return [images]
    if not all(hasattr(one, "__array__") or hasattr(one, "__array_interface__") for one in images):
        return [images]  # nested lists of numbers
    arrays = [np.asarray(one) for one in images]
    if len({(array.shape, array.dtype) for array in arrays}) == 1:
        return [np.stack(arrays)]
    return [array[..., None] if array.ndim == 2 else array for array in arrays]


def _batch(images: Any, image: tuple[int, int, int]) -> np.ndarray:
    """[N, H, W, C] of numbers; DataError for images of other channels."""
    channels = image[2]
    images = np.asarray(images) if not isinstance(images, list) else images
    if isinstance(images, np.ndarray) and images.dtype.kind in "biuf":
        # of two axes only what fits: flattened images have two, as well
        one = images.shape == image[:2] or (images.ndim == 3 and images.shape[-1] == channels)
        images = images[None] if one else images
    images = as_images(images, _WHAT, channels if channels not in (1, 3) else None)
    if images.shape[-1] != channels:
        raise DataError(
            f"{_WHAT}: the network takes images [N, H, W, {channels}], got {images.shape}."
        )
    return images


def _scale(parts: list[np.ndarray]):
    """How all the images become bytes."""
    whole = parts[0]
    if len(parts) > 1:
        whole = np.concatenate([part.reshape(-1) for part in parts])[None, :, None, None]
    low, high = whole.min(), whole.max()
    if whole.dtype.kind == "f" and low >= 0 and high <= 1:  # a few may all be dark
        return "unit"
    # The largest number of a few images says nothing of what white is.
    return scale_of(whole, _WHAT, "scale them as the training images were")


def _sized(
    images: np.ndarray, image: tuple[int, int, int], notify: Callable[[str], None]
) -> np.ndarray:
    """Bytes at the size of the network, as a data set's are; the targets are of no account."""
    blank = np.zeros(len(images))
    options: dict[str, Any] = {"channels": image[2], "kind": "targets", "notify": silent}
    dataset = ImageDataset(images, blank, name=_WHAT, **options)
    return fitted(dataset, *image[:2], notify).images
