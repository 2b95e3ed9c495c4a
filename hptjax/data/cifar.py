"""Reads CIFAR-10 and CIFAR-100 (Krizhevsky 2009) from binary files; never unpickles anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hptjax.data.dataset import ImageDataset
from hptjax.data.request import NoSplitError, Request, Source
from hptjax.errors import DataError
from hptjax.paths import user_path

SIDE = 32
PIXELS = 3 * SIDE * SIDE
ADDRESS = "https://www.cs.toronto.edu/~kriz/"


@dataclass(frozen=True)
class Form:
    """The layout of one of the two: its files, and the bytes of labels before each image."""

    word: str
    files: dict[str, tuple[str, ...]]
    names: str
    labels: int
    classes: int
    folder: str
    archive: str


CIFAR10 = Form(
    "cifar10",
    {
        "train": tuple(f"data_batch_{k}.bin" for k in range(1, 6)),
        "test": ("test_batch.bin",),
    },
    names="batches.meta.txt",
    labels=1,
    classes=10,
    folder="cifar-10-batches-bin",
    archive="cifar-10-binary.tar.gz",
)
CIFAR100 = Form(
    "cifar100",
    {"train": ("train.bin",), "test": ("test.bin",)},
    names="fine_label_names.txt",
    labels=2,  # of 20 classes, and of 100: the 100 are learned
    classes=100,
    folder="cifar-100-binary",
    archive="cifar-100-binary.tar.gz",
)


def cifar10_source(path: str) -> Source:
    """CIFAR-10: the folder of its binary version, data_batch_1.bin to 5 and test_batch.bin."""
    return lambda request: load_cifar(CIFAR10, path, request)


def cifar100_source(path: str) -> Source:
    """CIFAR-100: the folder of its binary version, train.bin and test.bin; the 100 fine classes."""
    return lambda request: load_cifar(CIFAR100, path, request)


def load_cifar(form: Form, path: str, request: Request) -> ImageDataset:
    """Reads train (those of its files that exist) or test: images of 32 x 32 x 3.

    path: the folder of the .bin files, or its parent folder; relative to data_dir, if that is
    given. Raises NoSplitError for a validation set, DataError for files that are missing, damaged,
    or pickled.
    """
    name = f"{form.word}:{path}"
    if request.split not in form.files:
        raise NoSplitError(f"{name}: has no {request.split} set, only train and test.")
    place = user_path(request.data_dir or ".") / user_path(path)
    folder, files = _find(form, place, form.files[request.split], name)
    if len(files) < len(form.files[request.split]):
        there = ", ".join(file.name for file in files)
        request.notify(f"{name}: of the files of {request.split} only {there} are there.")
    labels, images = zip(*(_read(form, file) for file in files), strict=True)
    return ImageDataset(
        np.concatenate(images),
        np.concatenate(labels),
        _names(form, folder),
        f"{name} {request.split}",
        kind=request.kind,
        notify=request.notify,
    )


def _find(form: Form, place: Path, wanted: Sequence[str], name: str) -> tuple[Path, list[Path]]:
    for folder in (place, place / form.folder):
        files = [folder / one for one in wanted if (folder / one).is_file()]
        if files:
            return folder, files
    binary = f"fetch the binary version, {ADDRESS}{form.archive}, and unpack it"
    if place.is_file():
        raise DataError(f"{name}: is a file, where a folder with {wanted[0]} belongs; {binary}.")
    pickled = [wanted[0].removesuffix(".bin"), form.folder.replace("bin", "py")]
    pickled.append(form.folder.replace("-binary", "-python"))
    if any((place / one).exists() for one in pickled):
        raise DataError(
            f"{name}: holds the pickled version, which is never read, for a pickle can run any "
            f"program; {binary}."
        )
    raise DataError(f"{name}: there is no {wanted[0]} in {place.absolute()}; {binary}.")


def _read(form: Form, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """Returns the labels [N] and images [N, 32, 32, 3] of a file."""
    record = form.labels + PIXELS
    size = file.stat().st_size
    if not size or size % record:
        raise DataError(f"{file}: truncated: {size} bytes are not whole images of {record} bytes.")
    records = np.fromfile(file, np.uint8).reshape(-1, record)
    labels = records[:, form.labels - 1]
    if labels.max() >= form.classes:
        raise DataError(
            f"{file}: labels must be below {form.classes}, got {labels.max()}; "
            "is it of another set?"
        )
    planes = records[:, form.labels :].reshape(-1, 3, SIDE, SIDE)
    return labels.astype(np.int64), np.ascontiguousarray(planes.transpose(0, 2, 3, 1))


def _names(form: Form, folder: Path) -> list[str]:
    """Returns the names of the classes from the file beside the batches, else their numbers."""
    file = folder / form.names
    names = file.read_text().split() if file.is_file() else []
    return names if len(names) == form.classes else [str(k) for k in range(form.classes)]
