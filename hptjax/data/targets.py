"""Targets other than classes: labels of 0 and 1, any number per image, and real numbers."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np

from hptjax.data.labels import checked_names, listed
from hptjax.errors import ConfigError, DataError, shown

Kind = Literal["classes", "labels", "targets"]


def read_targets(values: Any, kind: Kind, what: str) -> np.ndarray:
    """Returns labels of 0 and 1 as uint8 [N, K], or targets as float32 [N] or [N, T].

    Labels may be whole numbers, booleans or floats; targets whole numbers or floats. Raises
    DataError, which begins with `what`, for other shapes, types and values.
    """
    if kind not in get_args(Kind):
        known = get_args(Kind)
        raise ConfigError(f"kind: must be {', '.join(known)}, got {shown(kind)}.")
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what}: {kind} must be an array: {error}.") from None
    return _labels(array, what) if kind == "labels" else _numbers(array, what)


def _labels(array: np.ndarray, what: str) -> np.ndarray:
    if array.ndim != 2 or not array.shape[1] or array.dtype.kind not in "biuf":
        raise DataError(
            f"{what}: labels must be [N, K] of 0 and 1, one column for each label, got "
            f"{array.dtype} of shape {array.shape}."
        )
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise DataError(
            f"{what}: labels must be 0 or 1, got {shown(array[row, column].item())} at index "
            f"{row}, label {column}."
        )
    return array.astype(np.uint8)


def _numbers(array: np.ndarray, what: str) -> np.ndarray:
    if array.ndim not in (1, 2) or 0 in array.shape[1:] or array.dtype.kind not in "iuf":
        raise DataError(
            f"{what}: targets must be numbers [N] or [N, T], got {array.dtype} of shape "
            f"{array.shape}."
        )
    with np.errstate(over="ignore"):
        numbers = array.astype(np.float32)
    wrong = ~np.isfinite(numbers)
    if wrong.any():
        place = np.argwhere(wrong)[0].tolist()
        raise DataError(
            f"{what}: targets must be finite in float32, got {shown(array[tuple(place)].item())} "
            f"at index {', '.join(map(str, place))}."
        )
    return numbers


def names_of(targets: np.ndarray, class_names: Any, what: str) -> tuple[str, ...]:
    """Returns the names of the columns of labels or targets: given ones, or numbers from 0."""
    count = 1 if targets.ndim == 1 else targets.shape[1]
    if class_names is None:
        return tuple(map(str, range(count)))
    names = checked_names(class_names, what, least=1)
    if len(names) != count:
        raise DataError(f"{what}: {count} columns, but {len(names)} names: {listed(names)}.")
    return names


def absent_labels(labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """Returns the names of the labels [N, K] that no image has."""
    counts = labels.sum(0, dtype=int).tolist()
    return [name for name, count in zip(names, counts, strict=True) if not count]
