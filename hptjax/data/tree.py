"""Finds the pictures of a folder: the class and the part of each file."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hptjax.data.labels import listed
from hptjax.data.parts import NoSplitError, Notify, Split
from hptjax.errors import DataError

PARTS: dict[str, tuple[str, ...]] = {
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Tree:
    """The pictures of one part: class_names of the training part, N files and N labels."""

    name: str
    class_names: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[str, ...]


def find_pictures(
    folder: Path,
    split: Split,
    name: str,
    endings: frozenset[str],
    classes: Sequence[str] | None,
    notify: Notify,
) -> Tree:
    """Finds the pictures of a part of a folder, in the order of their classes and paths.

    The folder has a folder for each class, or folders train (or training), validation (val, valid)
    and test (testing), each with a folder for each class. endings: of pictures, such as `.png`.
    classes: those of a network, for a folder without a training part. name: begins every error.
    notify: is told what is left out. Raises NoSplitError for a part that is missing, DataError for
    a folder of another form.
    """
    parts = _parts(folder, name, classes is None, notify)
    if split not in parts:
        raise NoSplitError(
            f"{name}: has no {split} set, which would be a folder {PARTS[split][0]}/ beside train/."
        )
    place = parts[split]
    what = name if place == folder else f"{name}/{place.name}"
    found = _by_class(place, what, endings, notify)
    if split == "train" or "train" not in parts:
        names = tuple(found) if classes is None else tuple(classes)
    else:
        train = parts["train"]
        names = tuple(_by_class(train, f"{name}/{train.name}", endings, lambda line: None))
    if len(names) < 2:
        raise DataError(
            f"{what}: must have a folder for each of at least 2 classes, has {listed(names)} alone."
        )
    files = [file for own in found.values() for file in own]
    labels = [label for label, own in found.items() for _ in own]
    return Tree(what, names, tuple(files), tuple(labels))


def _parts(folder: Path, name: str, needs_train: bool, notify: Notify) -> dict[str, Path]:
    """Returns the folder of each part; a folder of classes is all for training."""
    if not folder.exists():
        raise DataError(f"{name}: there is no such folder ({folder.absolute()}).")
    if not folder.is_dir():
        raise DataError(f"{name}: is a file, where a folder with a folder for each class belongs.")
    below = _folders(folder)
    found = {
        part: [child for child in below if child.name.lower() in words]
        for part, words in PARTS.items()
    }
    others = [child.name for child in below if not any(child in own for own in found.values())]
    if not below or (others and not any(child.name.lower() == "train" for child in below)):
        return {"train": folder}
    for part, own in found.items():
        if len(own) > 1:
            names = " and ".join(child.name for child in own)
            raise DataError(f"{name}: has {names}, which are both for {part}; remove one of them.")
    if not found["train"] and needs_train:
        names = ", ".join(child.name for child in below)
        raise DataError(f"{name}: has {names}, but no train.")
    if others:
        notify(f"{name}: beside its parts {listed(others)} is left out.")
    return {part: own[0] for part, own in found.items() if own}


def _by_class(
    place: Path, what: str, endings: frozenset[str], notify: Notify
) -> dict[str, list[Path]]:
    """Returns {class: its files}; whole-number classes by size, others by alphabet."""
    folders = sorted(_folders(place), key=lambda child: child.name)
    if all(child.name.isdecimal() for child in folders):
        folders.sort(key=lambda child: int(child.name))
    if not folders:
        raise DataError(f"{what}: must have a folder for each class, it has none.")
    found: dict[str, list[Path]] = {}
    others: list[Path] = []
    deeper: list[str] = []
    for child in folders:
        files = _files(child)
        own = [file for file in files if file.suffix.lower() in endings]
        if any(file.parent != child for file in own):
            deeper.append(child.name)
        others += [file for file in files if file.suffix.lower() not in endings]
        if own:
            found[child.name] = own
        else:
            notify(f"{what}: {child.name} has no pictures and is no class.")
    if deeper:
        notify(f"{what}: pictures in folders below {listed(deeper)} are of that class, too.")
    others += [file for file in _children(place) if file.is_file()]
    if others:
        names = listed([file.name for file in others])
        files = "1 file is" if len(others) == 1 else f"{len(others)} files are"
        notify(f"{what}: {files} no picture of a class and left out: {names}.")
    return found


def _folders(folder: Path) -> list[Path]:
    return [child for child in _children(folder) if child.is_dir()]


def _children(folder: Path) -> list[Path]:
    """Returns the content of a folder, without hidden files."""
    try:
        return sorted(child for child in folder.iterdir() if not child.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: cannot be read: {error.strerror}.") from None


def _files(folder: Path) -> list[Path]:
    """Returns all files below a folder by path, without hidden ones; follows each link once."""
    found: list[Path] = []
    seen: set[str] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:  # a link to a parent folder would never end
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(place, name) for name in files if not name.startswith(".")]
    return sorted(found)
