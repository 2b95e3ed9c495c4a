"""The images of a study as an .npz file, so that another program trains on the very same.

python -m experiments.spaces.arrays configs/keras_cnn.yaml arrays.npz
"""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from hptjax.data import load_images
from hptjax.data.request import NoSplitError
from hptjax.study import load_study
from hptjax.study.data import load_study_data


def write_arrays(config: Path, overrides: Sequence[str], path: Path) -> dict[str, int]:
    """Writes x_train, y_train and so on, of validation and test, too, and K, the classes.

    epoch_images: how many training images an epoch goes through. Images are uint8 [N, H, W, C], not
    augmented. Returns how many images each part has, and an epoch.
    """
    study = load_study(config, overrides)
    data = load_study_data(study)
    parts = {"train": data.train, "validation": data.validation}
    with suppress(NoSplitError):
        parts["test"] = load_images(study.data.source, split="test", data_dir=study.data.data_dir)
    arrays: dict[str, Any] = {f"x_{name}": part.images for name, part in parts.items()}
    arrays |= {f"y_{name}": part.labels for name, part in parts.items()}
    epoch_images = study.data.epoch_images(data.train.size)
    np.savez(path, K=data.train.num_classes, epoch_images=epoch_images, **arrays)
    return {name: part.size for name, part in parts.items()} | {"epoch": epoch_images}


if __name__ == "__main__":
    print(write_arrays(Path(sys.argv[1]), sys.argv[3:], Path(sys.argv[2])))
