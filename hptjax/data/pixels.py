"""The meaning of numbers in images: bytes are kept, other plain ranges are converted to bytes."""

import math
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from hptjax.errors import DataError

Scale = Literal["bytes", "levels", "unit", "words"]
SAID: dict[Scale, str] = {
    "levels": "whole numbers up to 255 are grey levels",
    "unit": "numbers from 0 to 1 are multiplied by 255, rounded to grey levels",
    "words": "numbers of 16 bits are divided by 257, rounded to grey levels",
}
_TOP: dict[Scale, float] = {"bytes": 255, "levels": 255, "unit": 1, "words": 65535}
DARK = 32  # if all bytes are below this, another scale is likelier, such as 0 to 1 or 0 to 16
_BLOCK = 1024  # images converted at a time, so that copies stay small


def as_images(images: Any, what: str, channels: int | None = None) -> np.ndarray:
    """Returns an array [N, H, W, C] of numbers, from such an array, [N, H, W] or lists.

    channels: allows another last axis than 1 or 3. what: begins every error. Raises DataError.
    """
    images = _as_array(images, what)
    if images.dtype.kind not in "biuf":
        raise DataError(f"{what}: images must be numbers, got {images.dtype}.")
    if images.ndim == 2:
        raise DataError(
            f"{what}: images must be [N, H, W, C] or [N, H, W], got shape {images.shape}: "
            "flattened ones need images.reshape(-1, height, width, channels)."
        )
    images = images[..., None] if images.ndim == 3 else images
    if images.ndim != 4:
        raise DataError(
            f"{what}: images must be [N, H, W, C] or [N, H, W], got shape {images.shape}."
        )
    if 0 in images.shape:
        raise DataError(f"{what}: images must not be empty, got shape {images.shape}.")
    _check_channels(images.shape, what, channels)
    return images


def scale_of(images: np.ndarray, what: str, way_out: str | None = None) -> Scale:
    """Returns how the images [N, H, W, C] become bytes; DataError if their range is not plain.

    way_out: the advice in the error; None: the expression that converts the images to bytes.
    """
    if images.dtype == np.uint8:
        return "bytes"
    low, high = float(images.min()), float(images.max())
    if not math.isfinite(low + high):
        raise DataError(f"{what}: images must be finite numbers, some are NaN or infinite.")
    kind = images.dtype.kind
    if kind == "f" and low >= 0 and 0.5 <= high <= 1:
        return "unit"
    if kind != "b" and low >= 0 and 128 <= high <= 255 and _is_whole(images):
        return "levels"
    if images.dtype == np.uint16 and high >= 32768:
        return "words"
    raise DataError(
        f"{what}: images must be uint8, floats from 0 to 1 or whole numbers from 0 to 255, got "
        f"{images.dtype} from {low:g} to {high:g}: {way_out or f'save {_line(kind, low, high)}'}."
    )


def to_bytes(images: np.ndarray, scale: Scale, what: str) -> np.ndarray:
    """Converts the images to uint8, by a scale that was found on the training images.

    Raises DataError for values outside the scale.
    """
    if images.dtype == np.uint8 and scale == "bytes":
        return images
    low, high = float(images.min()), float(images.max())
    fits = low >= 0 and high <= _TOP[scale]
    if not fits or (scale in ("bytes", "levels", "words") and not _is_whole(images)):
        raise DataError(
            f"{what}: the training images are {'uint8' if scale == 'bytes' else 'numbers'} from 0 "
            f"to {_TOP[scale]:g}, these are {images.dtype} from {low:g} to {high:g}: "
            "save all of them alike."
        )
    out = np.empty(images.shape, np.uint8)
    for part in _blocks(len(images)):
        out[part] = (
            np.round(images[part] * (255 / _TOP[scale])) if scale != "levels" else images[part]
        )
    return out


def darkness(images: np.ndarray) -> str | None:
    """Returns a remark on uint8 images that are nearly black, None for others."""
    high = int(images.max())
    if high >= DARK:
        return None
    if not high:
        return "all images are black"
    return (
        f"no number is above {high}, where 255 is white: the images are nearly black; if {high} "
        f"is white, save {_line('u', 0, high)}"
    )


def _as_array(images: Any, what: str) -> np.ndarray:
    try:
        array = np.asarray(images)
    except (TypeError, ValueError) as error:  # lists of several lengths
        why = str(error).rstrip(".")
        raise DataError(f"{what}: images must be an array of one size: {why}.") from None
    return array.astype(array.dtype.newbyteorder("="), copy=False)  # files may have another order


def _check_channels(shape: tuple[int, ...], what: str, channels: int | None) -> None:
    found = shape[-1]
    if found == channels or (channels in (None, 1, 3) and found in (1, 3)):
        return
    must = "the last axis of images must be their channels"
    if channels not in (None, 1, 3):
        raise DataError(f"{what}: {must}, {channels} as data.channels says, got shape {shape}.")
    if shape[1] in (1, 3) and (found > 4 or found == shape[2]):
        hint = "[N, C, H, W]? Save images.transpose(0, 2, 3, 1)"
    elif found in (2, 4):
        name, kept = ("RGBA", 3) if found == 4 else ("grey and alpha", 1)
        hint = f"{name}? Drop alpha: save images[..., :{kept}]; data.channels: {found} keeps it"
    else:
        hint = f"data.channels: {found} takes them as they are"
    raise DataError(f"{what}: {must}, 1 or 3, got shape {shape}: {hint}.")


def _is_whole(images: np.ndarray) -> bool:
    if images.dtype.kind != "f":
        return True
    return all(bool((images[p] == np.floor(images[p])).all()) for p in _blocks(len(images)))


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, count, _BLOCK))


def _line(kind: str, low: float, high: float) -> str:
    """Returns the expression that converts such images to bytes."""
    if kind == "b":
        return "images.astype(np.uint8) * 255"
    if kind == "f" and 128 <= high <= 255 and low >= 0:
        return "images.round().astype(np.uint8)"
    if low < 0:
        return f"((images - {low:g}) * (255 / {high - low:g})).round().astype(np.uint8)"
    if high <= 0:
        return "other images: these are black"
    return f"(images * (255 / {high:g})).round().astype(np.uint8)"
