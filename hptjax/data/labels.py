"""The meaning of labels: the classes of a training set, their names, and labels as indices."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from hptjax.errors import DataError, shown

MOST_CLASSES = 10_000
FEW_CLASSES = 10  # so few are not ids, however few the images
_LISTED = 6
# All labels of an object array must be of one of these types.
_ALIKE: tuple[tuple[type, ...], ...] = (
    (bool, np.bool_),
    (str,),
    (bytes,),
    (int, np.integer),
    (float, np.floating),
)

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Labels:
    """Labels [N] as they were given: whole numbers, or text if is_text.

    columns: the number of columns of one-hot rows; 0 for other labels.
    """

    values: np.ndarray
    is_text: bool
    columns: int = 0

    def __len__(self) -> int:
        return len(self.values)

    def names(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the distinct labels as class names, in order, and the index of each label."""
        distinct, inverse = np.unique(self.values, return_inverse=True)
        return distinct.astype(str), inverse


def read_labels(labels: Any, what: str) -> Labels:
    """Reads labels of an array or a list: whole numbers, text, bytes, booleans, one-hot rows.

    Shapes: [N], [N, 1], or [N, K] for one-hot rows. Raises DataError, which begins with `what`.
    """
    array = _as_array(labels, what)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]  # as in CIFAR's archives
    if array.ndim == 2 and array.dtype.kind in "biuf":
        return Labels(_indices_of_one_hot(array, what), is_text=False, columns=array.shape[1])
    if array.ndim != 1:
        raise DataError(f"{what}: labels must be [N], got shape {array.shape}.")
    if array.dtype.kind == "b":
        return Labels(np.where(array, "true", "false"), is_text=True)
    if array.dtype.kind in "SU":
        return Labels(_as_text(array, what), is_text=True)
    if array.dtype.kind == "f":
        whole = np.isfinite(array) & (array == np.floor(array)) & (np.abs(array) < 2**53)
        if not whole.all():
            first = int(np.flatnonzero(~whole)[0])
            raise DataError(
                f"{what}: labels must be whole numbers or names, got {array[first]} at index "
                f"{first}; to learn real numbers, set task: regression (they are of the kind "
                "targets)."
            )
    elif array.dtype.kind not in "iu":
        raise DataError(f"{what}: labels must be whole numbers or names, got {array.dtype}.")
    if array.dtype.kind == "u" and array.size and array.max() > np.iinfo(np.int64).max:
        raise DataError(f"{what}: labels must be below 2**63, got {array.max()}.")
    return Labels(array.astype(np.int64), is_text=False)


def classes_of(labels: Labels, what: str, notify: Notify) -> tuple[str, ...]:
    """Returns the names of a training set's distinct labels: numbers by size, text by alphabet.

    notify: is told if whole numbers are not 0..K-1, and of one-hot rows. Raises DataError for a
    single class, and for so many classes that the labels look like ids.
    """
    names, _ = labels.names()
    _check_count(len(names), len(labels.values), what)
    if labels.columns:
        notify(f"{what}: one-hot rows are taken as the indices of their ones.")
    if not labels.is_text and names.tolist() != [str(k) for k in range(len(names))]:
        notify(f"{what}: the labels {listed(names)} are {len(names)} classes, in this order.")
    return tuple(names.tolist())


def indices_of(labels: Labels, classes: Sequence[str], what: str) -> np.ndarray:
    """Returns the class index of each label, int32 [N].

    A label is the name of its class. Whole numbers may be indices instead, if the names are not
    whole numbers themselves; so are one-hot rows with as many columns as there are classes.
    Raises DataError for a label that is no class, or that may mean either of two classes.
    """
    names, inverse = labels.names()
    place = {name: k for k, name in enumerate(classes)}
    numbers = all(_is_number(name) for name in classes) and labels.columns != len(classes)
    if not labels.is_text and not numbers:
        by_name, place = place, {str(k): k for k in range(len(classes))}
        if not labels.columns:
            _check_one_meaning(names.tolist(), place, by_name, what)
    unknown = [k for k, name in enumerate(names.tolist()) if name not in place]
    if unknown:
        where = np.flatnonzero(np.isin(inverse, unknown))
        known = f"0..{len(classes) - 1}" if not labels.is_text and not numbers else listed(classes)
        raise DataError(
            f"{what}: labels must be in {known}, the classes of the training images, got "
            f"{listed(names[unknown])} ({len(where)} of {len(inverse)}, the first at {where[0]})."
        )
    table = np.array([place[name] for name in names.tolist()], np.int32)
    return table[inverse] if len(table) else np.zeros(0, np.int32)


def _check_one_meaning(
    names: Sequence[str], place: Mapping[str, int], by_name: Mapping[str, int], what: str
) -> None:
    """Raises DataError for a label that is the index of one class, and the name of another."""
    for name in names:
        if name in place and by_name.get(name, place[name]) != place[name]:
            raise DataError(
                f"{what}: the label {name} is the index of one class and the name of another; "
                "give the labels as names."
            )


def checked_names(class_names: Any, what: str, least: int = 2) -> tuple[str, ...]:
    """Returns given class names as text; DataError unless at least `least`, all different."""
    if isinstance(class_names, str | bytes | Mapping | Set):  # has no order, or is one name
        got = shown(class_names)
        raise DataError(f"{what}: class_names must be a list of names, got {got}.")
    array = _as_array(class_names, f"{what}: class_names")
    if array.ndim != 1 or array.dtype.kind not in "SUiu":
        raise DataError(f"{what}: class_names must be a list of names, got {array.dtype}.")
    is_text = array.dtype.kind in "SU"
    names = tuple(
        (_as_text(array, f"{what}: class_names") if is_text else array.astype(str)).tolist()
    )
    if len(set(names)) < len(names):
        raise DataError(f"{what}: class_names must not repeat a name, got {listed(names)}.")
    _check_count(len(names), None, what, least)
    return names


def say_absent(labels: np.ndarray, classes: Sequence[str], what: str, notify: Notify) -> None:
    """Tells notify the classes of which a set has no image."""
    counts = np.bincount(labels, minlength=len(classes))
    absent = [name for name, count in zip(classes, counts, strict=True) if not count]
    if absent:
        of = "the class" if len(absent) == 1 else f"these {len(absent)} classes:"
        notify(f"{what}: no image is of {of} {listed(absent)}.")


def listed(names: Sequence[Any] | np.ndarray) -> str:
    """Returns the first few names, and the last one, as text."""
    texts = [str(name) for name in names]
    return ", ".join(texts if len(texts) <= _LISTED else [*texts[: _LISTED - 1], "...", texts[-1]])


def _as_array(labels: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(labels)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what}: labels must be a list [N]: {error}.") from None
    if array.dtype.kind != "O":
        return array
    kinds = {type(label) for label in array.ravel().tolist()}
    numbers = kinds.isdisjoint((bool, np.bool_))  # Python's booleans are whole numbers, too
    for alike in _ALIKE if numbers else _ALIKE[:1]:
        if kinds and all(issubclass(kind, alike) for kind in kinds):
            return np.array(array.tolist())
    got = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise DataError(f"{what}: labels must all be whole numbers, or all be names, got {got}.")


def _as_text(array: np.ndarray, what: str) -> np.ndarray:
    try:
        text = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
        [name.encode() for name in np.unique(text).tolist()]
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise DataError(f"{what}: labels that are text must be UTF-8.") from None
    if (text == "").any():
        first = int(np.flatnonzero(text == "")[0])
        raise DataError(f"{what}: a label must not be empty, the one at index {first} is.")
    return text


def _indices_of_one_hot(array: np.ndarray, what: str) -> np.ndarray:
    ones = array == 1
    if not ((ones.sum(1) == 1) & (ones | (array == 0)).all(1)).all():
        raise DataError(
            f"{what}: labels must be [N], or rows [N, K] with a single one, got shape "
            f"{array.shape} with other rows: an image has one class; to learn several labels of "
            "an image, set task: multi_label (they are of the kind labels)."
        )
    return ones.argmax(1).astype(np.int64)


def _is_number(name: str) -> bool:
    return name.removeprefix("-").isdecimal()


def _check_count(classes: int, images: int | None, what: str, least: int = 2) -> None:
    if classes < least:
        raise DataError(f"{what}: a classifier needs at least 2 classes, got {classes}.")
    many = images is not None and classes > max(FEW_CLASSES, images / 2)
    if classes >= MOST_CLASSES or many:
        among = "" if images is None else f" among {images} labels"
        raise DataError(f"{what}: {classes} classes{among}: labels look like ids, not classes.")
