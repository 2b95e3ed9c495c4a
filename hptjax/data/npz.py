"""Reads images from a user's NumPy archive, and the sample that comes with the package."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hptjax.data.archive import Archive
from hptjax.data.dataset import ImageDataset
from hptjax.data.labels import (
    checked_names,
    classes_of,
    indices_of,
    listed,
    read_labels,
    say_absent,
)
from hptjax.data.pixels import as_images, scale_of, to_bytes
from hptjax.data.request import NoSplitError, Request, Source
from hptjax.data.targets import names_of, read_targets
from hptjax.errors import ConfigError, DataError, shown_key
from hptjax.paths import user_path

SAMPLE_PATH = Path(__file__).with_name("fashion_mnist_sample.npz")
# The names of images and labels, by split; the second names are MedMNIST's.
KEYS: dict[str, tuple[tuple[str, str], ...]] = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels")),
    "validation": (
        ("x_val", "y_val"),
        ("val_images", "val_labels"),
        ("x_valid", "y_valid"),
        ("x_validation", "y_validation"),
    ),
    "test": (("x_test", "y_test"), ("test_images", "test_labels")),
}
# The names in a file with one split, for training; the second names: np.savez(f, X, y).
ONE_SET = (("images", "labels"), ("arr_0", "arr_1"))

Pair = tuple[str, str]


def load_sample(request: Request) -> ImageDataset:
    """The bundled part of FashionMNIST: train 6000 or test 1000 images, balanced classes.

    Images are 28 x 28 x 1; experiments/make_sample.py chose them.
    """
    request = replace(request, kind="classes", groups=None)  # it has no targets, and no groups
    return load_npz(SAMPLE_PATH, request, name=f"sample {request.split}", stratified=False)


def npz_source(path: str) -> Source:
    """A file of NumPy arrays; a relative path is relative to data_dir, if that is given."""
    return lambda request: load_npz(user_path(request.data_dir or ".") / user_path(path), request)


def load_npz(
    path: Path, request: Request, *, name: str | None = None, stratified: bool = True
) -> ImageDataset:
    """Reads one split of an .npz file.

    The file holds x_train, y_train, and may hold x_val, y_val, x_test, y_test (or MedMNIST's
    train_images, train_labels and so on); a file with only images and labels, or arr_0 and arr_1,
    is for training. `ImageDataset` says what the arrays may be. The classes are the distinct labels
    of the training part, or class_names, a list of K strings. The labels of all parts are checked,
    whichever part is read. Raises NoSplitError for a split that is missing, DataError for a file
    that is missing, damaged or not of this form.
    """
    with Archive(path) as archive:
        pairs = _pairs(archive)
        if request.split not in pairs:
            raise _no_split(archive, request.split, pairs)
        values = {split: archive.read(pair[1]) for split, pair in pairs.items()}
        _say_unused(archive, request, pairs)
        checked = _checked_classes if request.kind == "classes" else _checked_names
        classes = checked(archive, request, pairs, values)
        images_key, labels_key = pairs[request.split]
        images = archive.read(images_key)
        images.flags.writeable = False  # so that it need not be copied
        images = as_images(images, f"{path}: {images_key}", request.channels)
        first = pairs.get("train", pairs[request.split])[0]
        if images.dtype != "uint8" and first != images_key:  # one scale for all parts
            what = f"{path}: {first}"
            scale = scale_of(as_images(archive.read(first), what, request.channels), what)
            images = to_bytes(images, scale, f"{path}: {images_key}")
        return ImageDataset(
            images,
            values[request.split],
            classes,
            name or f"{path} [{images_key}, {labels_key}]",
            channels=request.channels,
            stratified=stratified,
            kind=request.kind,
            groups=_groups(archive, request),
            notify=request.notify,
        )


def _pairs(archive: Archive) -> dict[str, Pair]:
    """Returns the names of images and labels of each split in the file."""
    pairs: dict[str, Pair] = {}
    for split, choices in KEYS.items():
        for pair in choices:
            _check_whole(archive, pair)
            if pair[0] in archive.headers and split not in pairs:
                pairs[split] = pair
    for pair in ONE_SET:
        if "train" not in pairs:
            _check_whole(archive, pair)
            if pair[0] in archive.headers:
                pairs["train"] = pair
    if pairs.get("train") == ONE_SET[1] and "arr_2" in archive.headers:
        raise DataError(
            f"{archive.path}: holds more than two arrays without names; which are images and "
            "labels of which part? Save np.savez(file, x_train=..., y_train=..., x_test=..., ...)."
        )
    return pairs


def _groups(archive: Archive, request: Request) -> np.ndarray | None:
    """Returns the groups of the images that are read, if the user names their key."""
    if request.groups is None:
        return None
    if request.groups not in archive.headers:
        held = listed([shown_key(key) for key in sorted(archive.headers)])
        raise ConfigError(
            f"data.validation.groups: {archive.path} has no array {shown_key(request.groups)}; it "
            f"holds {held}."
        )
    return archive.read(request.groups)


def _check_whole(archive: Archive, pair: Pair) -> None:
    there = [key for key in pair if key in archive.headers]
    if len(there) == 1:
        missing = pair[1] if there[0] == pair[0] else pair[0]
        raise DataError(f"{archive.path}: {there[0]} is there without {missing}.")


def _no_split(archive: Archive, split: str, pairs: dict[str, Pair]) -> NoSplitError:
    held = ", ".join(shown_key(key) for key in sorted(archive.headers)) or "nothing"
    keys = KEYS[split][0]
    alone = next(iter(pairs.values()), ())
    if len(pairs) == 1 and alone in ONE_SET:
        return NoSplitError(
            f"{archive.path}: has one split ({', '.join(alone)}), which is for training, and no "
            f"{split} set; that would be the arrays {keys[0]} and {keys[1]}."
        )
    other = f", or {ONE_SET[0][0]} and {ONE_SET[0][1]}" if split == "train" else ""
    return NoSplitError(
        f"{archive.path}: has no {split} set: that needs the arrays {keys[0]} and {keys[1]}"
        f"{other}; it holds {held}."
    )


def _checked_classes(
    archive: Archive, request: Request, pairs: dict[str, Pair], values: dict[str, np.ndarray]
) -> Sequence[str]:
    """Returns the classes of the file; DataError if a part has labels outside them."""
    path = archive.path
    labels = {k: read_labels(array, f"{path}: {pairs[k][1]}") for k, array in values.items()}
    train = "train" if "train" in labels else request.split
    if "class_names" in archive.headers:
        classes = checked_names(archive.read("class_names"), str(path))
    elif request.classes is not None:
        classes = request.classes
    else:
        classes = classes_of(labels[train], f"{path}: {pairs[train][1]}", request.notify)
    for split, given in labels.items():
        what = f"{path}: {pairs[split][1]}"
        indices = indices_of(given, classes, what)
        if split == "train":
            say_absent(indices, classes, f"{path}, {pairs[split][1]}", request.notify)
    return classes


def _checked_names(
    archive: Archive, request: Request, pairs: dict[str, Pair], values: dict[str, np.ndarray]
) -> Sequence[str]:
    """Returns the names of the file's labels or targets; DataError if a part has others."""
    path, known = archive.path, request.classes
    if "class_names" in archive.headers:
        known = checked_names(archive.read("class_names"), str(path), least=1)
    for split, given in values.items():
        what = f"{path}: {pairs[split][1]}"
        known = names_of(read_targets(given, request.kind, what), known, what)
    assert known is not None  # there is at least one split
    return known


def _say_unused(archive: Archive, request: Request, pairs: dict[str, Pair]) -> None:
    used = {key for pair in pairs.values() for key in pair} | {"class_names"}
    used |= {request.groups} - {None}
    unused = sorted(archive.headers.keys() - used)
    if unused:
        shown_keys = listed([shown_key(key) for key in unused])
        request.notify(f"{archive.path}: holds arrays that are not used: {shown_keys}.")
