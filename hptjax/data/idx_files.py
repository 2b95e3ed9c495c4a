"""The source idx:<path>: files in MNIST's format, images and labels for each part."""

from collections.abc import Iterable
from pathlib import Path

from hptjax.data.dataset import ImageDataset
from hptjax.data.idx import read_idx_images, read_idx_labels
from hptjax.data.request import NoSplitError, Request, Source, Split
from hptjax.errors import DataError
from hptjax.paths import user_path

# Words in the names of files, such as train-images-idx3-ubyte.gz and t10k-images-idx3-ubyte.gz.
WORDS: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("valid", "val-", "val_"),
    "test": ("t10k", "test"),
}


def idx_source(path: str) -> Source:
    """Files of MNIST's format: a folder with train-images-idx3-ubyte(.gz), or a file of images."""
    return lambda request: load_idx(path, request)


def load_idx(path: str, request: Request) -> ImageDataset:
    """Reads one part of a folder of idx files, gzipped or not; the labels are the classes.

    path: a folder, whose files' names tell the parts by train, val and t10k or test; or a file of
    training images; relative to data_dir, if that is given. The name of the labels' file is that of
    the images' file with `labels` in place of `images`. Raises NoSplitError for a part that is
    missing, DataError for files that are missing, damaged, or do not belong together.
    """
    place = user_path(request.data_dir or ".") / user_path(path)
    if not place.exists():
        raise DataError(f"idx:{path}: there is no such folder or file ({place.absolute()}).")
    file = _find(place, request.split, path)
    labels = _labels_of(file, path)
    name = f"idx:{path} {request.split}"
    classes = request.classes
    if request.split != "train" and request.kind == "classes" and classes is None:
        try:
            train = _labels_of(_find(place, "train", path), path)
            classes = sorted(set(read_idx_labels(train).tolist()))
        except NoSplitError:
            classes = None
    return ImageDataset(
        read_idx_images(file),
        read_idx_labels(labels),
        classes,
        name,
        kind=request.kind,
        notify=request.notify,
    )


def _find(place: Path, split: Split, path: str) -> Path:
    """Returns the file of images of a part."""
    if place.is_file():
        if split != "train":
            raise NoSplitError(f"idx:{path}: is one file, for training, and has no {split} set.")
        return place
    images = [file for file in sorted(place.iterdir()) if "images" in file.name and file.is_file()]
    found = [file for file in images if any(word in file.name.lower() for word in WORDS[split])]
    found = _unpacked_first(found)
    if len(found) > 1:
        names = ", ".join(file.name for file in found)
        raise DataError(
            f"idx:{path}: several files are for {split}: {names}; write idx:PATH of one."
        )
    if not found:
        held = ", ".join(file.name for file in images) or "none"
        raise NoSplitError(
            f"idx:{path}: has no {split} set, a file as {WORDS[split][-1]}-images-idx3-ubyte.gz; "
            f"its files of images: {held}."
        )
    return found[0]


def _unpacked_first(files: Iterable[Path]) -> list[Path]:
    """Returns each file once if it exists both packed and unpacked."""
    by_name: dict[str, Path] = {}
    for file in files:
        by_name.setdefault(file.name.removesuffix(".gz"), file)
    return list(by_name.values())


def _labels_of(images: Path, path: str) -> Path:
    if "images" not in images.name:
        raise DataError(
            f"idx:{path}: the name of a file of images must have 'images' in it, and that of its "
            "labels 'labels' in its place."
        )
    name = images.name.replace("images", "labels").replace("idx3", "idx1").removesuffix(".gz")
    for choice in (name, f"{name}.gz"):
        if (images.parent / choice).is_file():
            return images.parent / choice
    raise DataError(f"idx:{path}: {images.name} is there without its labels, {name} or {name}.gz.")
