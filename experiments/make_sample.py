"""Makes hptjax/data/fashion_mnist_sample.npz: a class-balanced part of FashionMNIST.

Command: python experiments/make_sample.py    (a few seconds; reads the source fashion_mnist)
Result:  600 training and 100 test images of each class, drawn with seed 0, in their old order.
"""

from pathlib import Path
from typing import Any

import numpy as np

from hptjax.data import ImageDataset, load_images
from hptjax.data.npz import SAMPLE_PATH
from hptjax.data.parts import Split

PER_CLASS: dict[Split, int] = {"train": 600, "test": 100}
LIMIT_BYTES = 4 * 2**20


def balanced_part(dataset: ImageDataset, per_class: int, rng: np.random.Generator) -> ImageDataset:
    """per_class images of every class, chosen at random, in the order of the dataset."""
    classes = [np.flatnonzero(dataset.labels == label) for label in range(dataset.num_classes)]
    chosen = [rng.choice(members, per_class, replace=False) for members in classes]
    return dataset.take(np.sort(np.concatenate(chosen)))


def main(path: Path = SAMPLE_PATH) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for split, per_class in PER_CLASS.items():
        part = balanced_part(load_images("fashion_mnist", split=split), per_class, rng)
        arrays[f"x_{split}"] = part.images
        arrays[f"y_{split}"] = part.labels.astype(np.uint8)
        arrays["class_names"] = np.array(part.class_names)
    np.savez_compressed(path, **arrays)
    size = path.stat().st_size
    assert size <= LIMIT_BYTES, f"{path} has {size} bytes"
    print(f"{path}: {size} bytes")


if __name__ == "__main__":
    main()
