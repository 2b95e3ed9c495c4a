"""A benchmark problem in a file: members and images."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.errors import DataError

from .common import Config


def save_problem(
    path: Path, members: Sequence[Config], images: np.ndarray, labels: np.ndarray
) -> None:
    """Writes an .npz of images uint8 [N, H, W, C], labels [N] and the members as JSON."""
    np.savez(path, images=images, labels=labels, members=json.dumps(list(members)))


def load_problem(path: Path) -> tuple[list[dict[str, Any]], np.ndarray, np.ndarray]:
    """Members, images, labels from an .npz, or from a .json list of members with noise images."""
    if not path.is_file():
        raise DataError(f"{path}: no such problem file.")
    if path.suffix == ".npz":
        with np.load(path) as file:
            return json.loads(str(file["members"])), file["images"], file["labels"]
    members = json.loads(path.read_text())
    rng = np.random.default_rng(0)
    shape = (4096, members[0]["init_length"], members[0]["init_width"], 1)
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    return members, images, rng.integers(0, 10, len(images), dtype=np.int32)
