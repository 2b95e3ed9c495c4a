"""Images from a NumPy archive of the user's, and the sample that comes with the package."""

import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.errors import DataError
from hptjax.paths import user_path

SAMPLE_PATH = Path(__file__).with_name("fashion_mnist_sample.npz")
_READ_ERRORS = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, OSError)


def load_sample(argument: str, split: str, data_dir: Path | None) -> ImageDataset:
    """The bundled part of FashionMNIST: train 6000 or test 1000 images, the classes equally often.

    Images are 28 x 28 x 1; experiments/make_sample.py chose them.
    """
    return load_npz(SAMPLE_PATH, split, name=f"sample {split}")


def load_npz_source(argument: str, split: str, data_dir: Path | None) -> ImageDataset:
    """The source npz:<path>; a relative path is relative to data_dir, where one is given."""
    return load_npz(user_path(data_dir or ".") / user_path(argument), split)


def load_npz(path: Path, split: str, *, name: str | None = None) -> ImageDataset:
    """Reads one split of an .npz file.

    The file holds x_train, y_train, x_test, y_test (or only those of the split asked for), or else
    images and labels, which serve as either split. Images: uint8 [N, H, W, C], or [N, H, W] for
    grey ones; labels: whole numbers [N] or [N, 1], from 0. class_names, a list of K strings, may be
    there too; without it K is the largest label of the file + 1, in any split, and the names are
    the numbers. Raises DataError for a file that is missing, damaged or not of this form.
    """
    arrays = _read_archive(path)
    images_key, labels_key = _keys_of_split(arrays, split, path)
    images, labels = arrays[images_key], arrays[labels_key]
    if images.ndim == 3:
        images = images[..., None]
    labels = _whole_labels(labels, f"{path}: {labels_key}")
    classes = _class_names(arrays, path)
    return ImageDataset(images, labels, classes, name or f"{path} [{images_key}, {labels_key}]")


def _read_archive(path: Path) -> Mapping[str, np.ndarray]:
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    if not zipfile.is_zipfile(path):
        raise DataError(f"{path}: not an .npz archive, or a truncated one.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except _READ_ERRORS as error:
        raise DataError(f"{path}: not a sound .npz file ({error}).") from error


def _keys_of_split(arrays: Mapping[str, np.ndarray], split: str, path: Path) -> tuple[str, str]:
    wanted = (f"x_{split}", f"y_{split}")
    for keys in (wanted, ("images", "labels")):
        if all(key in arrays for key in keys):
            return keys
    raise DataError(
        f"{path}: needs the arrays {wanted[0]} and {wanted[1]}, or images and labels; "
        f"it holds {', '.join(sorted(arrays)) or 'nothing'}."
    )


def _whole_labels(labels: np.ndarray, what: str) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]  # as in CIFAR's archives
    if not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{what}: labels must be whole numbers, got {labels.dtype}.")
    if labels.size and (labels.min() < 0 or labels.max() > np.iinfo(np.int32).max):
        raise DataError(f"{what}: labels must be 0 or more, got {labels.min()}..{labels.max()}.")
    return labels.astype(np.int32)


def _class_names(arrays: Mapping[str, np.ndarray], path: Path) -> tuple[str, ...]:
    if "class_names" in arrays:
        return tuple(str(name) for name in arrays["class_names"])
    keys = [key for key in ("y_train", "y_test", "labels") if key in arrays]
    every = [_whole_labels(arrays[key], f"{path}: {key}") for key in keys]
    count = max((int(labels.max()) + 1 for labels in every if labels.size), default=0)
    return tuple(str(index) for index in range(count))
