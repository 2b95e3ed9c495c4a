"""Prepares a user's images for a trained network, as they were prepared in training."""

from collections.abc import Callable
from typing import Any

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.data.picture import SAID, any_picture, is_picture
from hptjax.data.pixels import Scale, as_images, scale_of, to_bytes
from hptjax.data.request import silent
from hptjax.data.resize import fitted
from hptjax.errors import DataError

_WHAT = "predict"  # begins every error and every message
_COLOURED = (2, 3, 4)  # channels of pictures that are not all grey


def prepared(
    images: Any,
    image: tuple[int, int, int],
    notify: Callable[[str], None],
    background: str | None = None,
) -> np.ndarray:
    """Returns the images as bytes [N, H, W, C]; image: (H, W, C) of the network.

    images: see `Network.logits`. notify: is told of a resizing, and of changes to pictures.
    background: the colour to put behind transparent pixels. Raises DataError.
    """
    parts = [_batch(part, image) for part in _parts(images, image[2], notify, background)]
    scales: dict[np.dtype, Scale] = {}
    for kind in {part.dtype for part in parts}:
        scales[kind] = _scale([part for part in parts if part.dtype == kind])
    sized = [_sized(to_bytes(p, scales[p.dtype], _WHAT), image, notify) for p in parts]
    return np.concatenate(sized)


def _parts(
    images: Any, channels: int, notify: Callable[[str], None], background: str | None
) -> list[Any]:
    """Groups the images by size."""
    if isinstance(images, ImageDataset):
        return [images.images]
    if is_picture(images):
        return [_pixels(images, channels, notify, background)]
    if not isinstance(images, list | tuple) or not images:
        return [images]
    images = [
        _pixels(one, channels, notify, background) if is_picture(one) else one for one in images
    ]
    if not all(hasattr(one, "__array__") or hasattr(one, "__array_interface__") for one in images):
        return [images]  # nested lists of numbers
    arrays = [np.asarray(one) for one in images]
    if len({(array.shape, array.dtype) for array in arrays}) == 1:
        return [np.stack(arrays)]
    return [array[..., None] if array.ndim == 2 else array for array in arrays]


def _pixels(
    image: Any, channels: int, notify: Callable[[str], None], background: str | None
) -> np.ndarray:
    """Returns a picture as bytes [H, W, C], converted as pictures of a folder are."""
    if channels not in (1, 3):
        raise DataError(
            f"{_WHAT}: the network takes {channels} channels, pictures have 1 or 3; give arrays."
        )
    return told_pixels(image, _WHAT, channels, notify, background)


def told_pixels(
    image: Any, what: str, channels: int, notify: Callable[[str], None], background: str | None
) -> np.ndarray:
    """Returns a path or a Pillow image as bytes [H, W, C]; notify: is told of conversions."""
    found = any_picture(image, what, channels=channels, background=background)
    for key in found.done:
        notify(f"pictures {SAID[key]}.")
    return found.pixels


def _batch(images: Any, image: tuple[int, int, int]) -> np.ndarray:
    """Returns numbers [N, H, W, C]; raises DataError for images of other channels."""
    channels = image[2]
    images = np.asarray(images) if not isinstance(images, list) else images
    if isinstance(images, np.ndarray) and images.dtype.kind in "biuf":
        # two axes must fit exactly: flattened images have two axes as well
        one = images.shape == image[:2] or (images.ndim == 3 and images.shape[-1] == channels)
        if not one and images.ndim == 3 and channels == 1 and images.shape[-1] in _COLOURED:
            raise DataError(
                f"{_WHAT}: the network takes grey images; is {images.shape} one in colour? Make it "
                "grey; of several grey ones give [N, H, W, 1]."
            )
        images = images[None] if one else images
    images = as_images(images, _WHAT, channels if channels not in (1, 3) else None)
    if images.shape[-1] != channels:
        raise DataError(
            f"{_WHAT}: the network takes images [N, H, W, {channels}], got {images.shape}."
        )
    return images


def _scale(parts: list[np.ndarray]) -> Scale:
    """Returns how images of one type become bytes; a few images may all be dark."""
    kind = parts[0].dtype
    low, high = min(part.min() for part in parts), max(part.max() for part in parts)
    if kind.kind == "f" and low >= 0 and high <= 1:
        return "unit"
    whole = parts[0]
    if len(parts) > 1:
        whole = np.concatenate([part.reshape(-1) for part in parts])[None, :, None, None]
    # The largest number of a few images does not tell what white is.
    return scale_of(whole, _WHAT, "scale them as the training images were")


def _sized(
    images: np.ndarray, image: tuple[int, int, int], notify: Callable[[str], None]
) -> np.ndarray:
    """Resizes bytes to the size of the network, as data sets are; the targets do not matter."""
    blank = np.zeros(len(images))
    options: dict[str, Any] = {"channels": image[2], "kind": "targets", "notify": silent}
    dataset = ImageDataset(images, blank, name=_WHAT, **options)
    return fitted(dataset, *image[:2], notify).images
