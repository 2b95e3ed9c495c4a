"""FashionMNIST (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747): found on disk, else downloaded."""

import os
from pathlib import Path

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.data.idx import read_idx_images, read_idx_labels
from hptjax.data.request import NoSplitError, Request
from hptjax.errors import DataError
from hptjax.paths import user_path

CLASS_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
FOLDER_NAME = "fashion-mnist"
MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
FILES = {
    "train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
    "test": ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"),
}
# The authors publish only MD5 sums; Debian compresses the files again, so its files differ.
CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
}


def load_fashion_mnist(request: Request) -> ImageDataset:
    """FashionMNIST: train 60 000 or test 10 000 images of 28 x 28 x 1.

    It looks for the idx.gz files in data_dir, else in $HPTJAX_DATA (in the folder itself, or in its
    folder fashion-mnist), else in Debian's package folder. With neither folder given and no Debian
    package, it downloads them once into the user's cache. Raises DataError for files that are
    missing from a given folder, damaged, or not 28 x 28 images of ten classes.
    """
    if request.split not in FILES:
        raise NoSplitError(f"fashion_mnist: has no {request.split} set, only train and test.")
    images_path, labels_path = _find_files(FILES[request.split], request.data_dir)
    images, labels = read_idx_images(images_path), read_idx_labels(labels_path)
    _check_pair(images, labels, images_path, labels_path)
    name = f"fashion_mnist {request.split} ({images_path.parent})"
    return ImageDataset(images, labels, CLASS_NAMES, name, stratified=False)


def _find_files(names: tuple[str, str], data_dir: Path | None) -> list[Path]:
    if data_dir is not None:
        return _files_in(user_path(data_dir), names, "data_dir")
    if os.environ.get("HPTJAX_DATA"):
        return _files_in(user_path(os.environ["HPTJAX_DATA"]), names, "$HPTJAX_DATA")
    if all((DEBIAN_FOLDER / name).is_file() for name in names):
        return [DEBIAN_FOLDER / name for name in names]
    return [_download(name) for name in names]


def _files_in(folder: Path, names: tuple[str, str], origin: str) -> list[Path]:
    candidates = (folder, folder / FOLDER_NAME)
    for candidate in candidates:
        if all((candidate / name).is_file() for name in names):
            return [candidate / name for name in names]
    missing = ", ".join(name for name in names if not (folder / name).is_file())
    raise DataError(
        f"{origin} is {folder}, but {missing} is not there (nor in its folder {FOLDER_NAME}): "
        f"put the four idx.gz files there, or unset {origin} to have them downloaded."
    )


def _download(name: str) -> Path:
    from hptjax.data.download import fetch  # pooch is slow to import and seldom needed

    return fetch(name, CHECKSUMS[name], MIRRORS, FOLDER_NAME)


def _check_pair(
    images: np.ndarray, labels: np.ndarray, images_path: Path, labels_path: Path
) -> None:
    if len(images) != len(labels):
        raise DataError(
            f"{images_path} has {len(images)} images but {labels_path} has {len(labels)} labels: "
            "do both files belong to the same split?"
        )
    if images.shape[1:] != (28, 28, 1):
        size = " x ".join(str(side) for side in images.shape[1:3])
        raise DataError(f"{images_path}: FashionMNIST images are 28 x 28 pixels, got {size}.")
    if labels.size and labels.max() >= len(CLASS_NAMES):
        index = int(labels.argmax())
        raise DataError(
            f"{labels_path}: labels must be in 0..{len(CLASS_NAMES) - 1}, "
            f"got {int(labels[index])} at index {index}."
        )
