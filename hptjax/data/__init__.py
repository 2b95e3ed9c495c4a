"""Images: one dataset contract, its sources, and the augmentation that runs on the device."""

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
