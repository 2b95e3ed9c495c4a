"""A benchmark problem in a file: members and images."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.errors import DataError

from .common import Task

LISTS = ("members", "plan", "others")


def save_problem(path: Path, task: Task) -> None:
    """Writes an .npz of images uint8 [N, H, W, C], labels [N] and the lists of members as JSON."""
    lists = json.dumps({name: list(getattr(task, name)) for name in LISTS})
    np.savez(path, images=task.images, labels=task.labels, lists=lists)


def load_problem(path: Path) -> dict[str, Any]:
    """The fields of a Task that `save_problem` keeps."""
    if not path.is_file():
        raise DataError(f"{path}: no such problem file.")
    with np.load(path) as file:
        return {
            "images": file["images"],
            "labels": file["labels"],
            **json.loads(str(file["lists"])),
        }
