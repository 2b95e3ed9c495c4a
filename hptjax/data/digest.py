"""A digest that tells data sets apart by their content."""

import hashlib
import json

import numpy as np

from hptjax.data.dataset import ImageDataset

BYTES = 16


def dataset_digest(dataset: ImageDataset) -> str:
    """Returns a hexadecimal digest of the images, the labels and the class names."""
    content = hashlib.blake2b(json.dumps(dataset.class_names).encode(), digest_size=BYTES)
    for array in (dataset.images, dataset.labels):
        content.update(f"{array.dtype.str}{array.shape}".encode())
        content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()
