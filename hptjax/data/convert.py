"""Makes grey images RGB, and RGB images grey."""

from collections.abc import Callable

import numpy as np

from hptjax.data.dataset import ImageDataset

_WEIGHTS = np.array([19595, 38470, 7471], np.uint32)  # ITU-R 601 in 2**-16, as in Pillow
_BLOCK = 1024  # images converted at a time


def with_channels(
    dataset: ImageDataset, channels: int | None, notify: Callable[[str], None]
) -> ImageDataset:
    """Returns the images with 1 or 3 channels; notify is told if they had another number."""
    found = dataset.image_shape[2]
    if channels not in (1, 3) or found == channels:
        return dataset
    notify(f"{dataset.name}: images are made {'grey' if channels == 1 else 'RGB'}.")
    if channels == 3:
        return dataset.changed(images=np.repeat(dataset.images, 3, axis=-1))
    grey = np.empty((*dataset.images.shape[:3], 1), np.uint8)
    for start in range(0, len(grey), _BLOCK):
        block = dataset.images[start : start + _BLOCK].astype(np.uint32)
        grey[start : start + _BLOCK, ..., 0] = (block @ _WEIGHTS + 2**15) >> 16
    return dataset.changed(images=grey)
