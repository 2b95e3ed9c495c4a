"""Images: the dataset contract, its sources, and the augmentations that run on the device.

Each name is imported at its first use; JAX is not imported before.
"""

from typing import TYPE_CHECKING

from hptjax.lazy import lazily

if TYPE_CHECKING:
    from hptjax.data.augmentations.original import augment
    from hptjax.data.augmentations.rotate import rotate_nearest
    from hptjax.data.dataset import ImageDataset
    from hptjax.data.resize import resize_and_crop
    from hptjax.data.sources import load_images
    from hptjax.data.split import train_validation_split

__all__ = [
    "ImageDataset",
    "augment",
    "load_images",
    "resize_and_crop",
    "rotate_nearest",
    "train_validation_split",
]

_HOMES = {
    "ImageDataset": "hptjax.data.dataset",
    "augment": "hptjax.data.augmentations.original",
    "load_images": "hptjax.data.sources",
    "resize_and_crop": "hptjax.data.resize",
    "rotate_nearest": "hptjax.data.augmentations.rotate",
    "train_validation_split": "hptjax.data.split",
}

__getattr__, __dir__ = lazily(__name__, _HOMES)
