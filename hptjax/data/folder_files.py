"""Reads the pictures of a folder as arrays of one size: decodes in parallel, uses a cache."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hptjax.data.labels import listed
from hptjax.data.parts import Notify, Split, warn
from hptjax.data.picture import (
    BrokenPictureError,
    Picture,
    Size,
    colour_of,
    lines_of,
    picture_endings,
    read_picture,
    without_warnings,
)
from hptjax.data.picture_cache import Decoded, cache_path, read_cached, write_cached
from hptjax.data.tree import Tree, find_pictures
from hptjax.errors import ConfigError, DataError, shown

_AHEAD = 256  # files decoded before the first of them is used


class Pictures(NamedTuple):
    """The content of a folder: uint8 [N, H, W, C], N labels, K names, and N groups or None."""

    images: np.ndarray
    labels: list[str]
    class_names: tuple[str, ...]
    name: str
    groups: list[str] | None


def read_folder(
    folder: Path,
    name: str,
    *,
    split: Split = "train",
    size: Size | None = None,
    channels: int | None = None,
    broken: str = "refuse",
    groups: str | None = None,
    background: str | None = None,
    classes: Sequence[str] | None = None,
    notify: Notify = warn,
) -> Pictures:
    """Decodes the pictures of one part of a folder, or reads them from the user's cache.

    name: begins every error and line. size: (height, width) to scale and crop pictures to.
    channels: 1 or 3, to convert them to. broken: `skip` leaves out a broken file. groups: a regular
    expression on the names of files. background: the colour to put behind transparent pixels, such
    as white. classes: see `find_pictures`. Raises DataError for pictures of several sizes and for a
    broken one, MissingExtraError without Pillow, and the errors of `find_pictures`.
    """
    if channels not in (None, 1, 3):
        raise ConfigError(f"{name}: data.channels must be 1 or 3, got {channels}.")
    if broken not in ("refuse", "skip"):
        raise ConfigError(f"{name}: data.broken must be refuse or skip, got {shown(broken)}.")
    if background is not None:
        colour_of(background)  # reports a mistake early
    tree = find_pictures(folder, split, name, picture_endings(), classes, notify)
    form = [split, size, channels, broken, *([] if background is None else [background])]
    place = cache_path(folder, tree.files, form)
    decoded = read_cached(place)
    if decoded is None:
        decoded = _decode(tree, size, channels, background, broken == "skip")
        failure = write_cached(place, decoded)
        if failure is not None:
            notify(f"{tree.name}: pictures are not kept decoded in {place.parent}: {failure}.")
    decoded.images.flags.writeable = False  # so that it need not be copied
    for line in decoded.lines:
        notify(f"{tree.name}: {line}.")
    files = [tree.files[index] for index in decoded.kept]
    return Pictures(
        decoded.images,
        [tree.labels[index] for index in decoded.kept],
        tree.class_names,
        tree.name,
        None if groups is None else groups_of(files, groups, tree.name),
    )


def groups_of(files: Sequence[Path], pattern: str, name: str) -> list[str]:
    """Returns the match of a regular expression in each file's name: its first group, or all.

    Raises ConfigError for an invalid expression, or one that finds nothing in some name.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"data.validation.groups: must be a regular expression on the names of files, got "
            f"{shown(pattern)}: {error}."
        ) from None
    groups = []
    for file in files:
        found = expression.search(file.name)
        if found is None:
            raise ConfigError(
                f"data.validation.groups: {shown(pattern)} finds nothing in {file.name} of {name}; "
                "it must find the group of each file in its name."
            )
        groups.append(found.group(1) or "" if expression.groups else found.group())
    return groups


def _decode(
    tree: Tree, size: Size | None, channels: int | None, background: str | None, skip: bool
) -> Decoded:
    """Returns all pictures in one array; DataError for several sizes or a broken picture."""
    read = partial(_read, size=size, channels=channels, background=background)
    pictures, kept, broken = [], [], []
    with without_warnings(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for index, read_one in enumerate(_in_order(pool, read, tree.files)):
            if isinstance(read_one, BrokenPictureError) and skip:
                broken.append(tree.files[index])
            elif isinstance(read_one, BrokenPictureError):
                raise DataError(f"{tree.name}: {read_one} data.broken: skip leaves such files out.")
            else:
                pictures.append(read_one)
                kept.append(index)
    if not pictures:
        raise DataError(f"{tree.name}: none of {len(tree.files)} files can be read as a picture.")
    lines = [
        *resized_lines([one.size for one in pictures], size),
        *lines_of(p.done for p in pictures),
    ]
    if broken:
        files = "1 broken file is" if len(broken) == 1 else f"{len(broken)} broken files are"
        names = listed([f"{file.parent.name}/{file.name}" for file in broken])
        lines.append(f"{files} left out, as data.broken says: {names}")
    images, said = stacked([picture.pixels for picture in pictures], tree.name)
    return Decoded(images, np.array(kept), (*lines, *said))


def _in_order(
    pool: ThreadPoolExecutor, read: Callable[[Path], object], files: Sequence[Path]
) -> Iterable:
    """Yields the result for each file, in their order, a bounded number of files ahead."""
    for start in range(0, len(files), _AHEAD):
        yield from pool.map(read, files[start : start + _AHEAD])


def _read(
    file: Path, size: Size | None, channels: int | None, background: str | None
) -> Picture | BrokenPictureError:
    try:
        return read_picture(file, size, channels, background)
    except BrokenPictureError as error:
        return error


def stacked(pixels: Sequence[np.ndarray], name: str) -> tuple[np.ndarray, list[str]]:
    """Joins pictures [H, W, C] with C 1 or 3, in colour if any is; also returns lines about it.

    Raises DataError for pictures of several sizes, which names the most frequent size.
    """
    sizes = Counter(one.shape[:2] for one in pixels)
    if len(sizes) > 1:
        raise DataError(f"{name}: {several_sizes(sizes)}")
    colour = sum(one.shape[2] == 3 for one in pixels)
    said = []
    if 0 < colour < len(pixels):
        said = [
            f"{len(pixels) - colour} of {len(pixels)} pictures are grey and made RGB, as the "
            "others are; data.channels: 1 makes all grey"
        ]
    shape = (*pixels[0].shape[:2], 3 if colour else 1)
    images = np.empty((len(pixels), *shape), np.uint8)
    for k, one in enumerate(pixels):
        images[k] = one  # a single channel fills all three
    return images, said


def resized_lines(sizes: Sequence[Size], size: Size | None) -> list[str]:
    """Returns lines about the resizing of pictures of these sizes to one size."""
    others = Counter(own for own in sizes if size is not None and own != size)
    if size is None or not others:
        return []
    height, width = size
    crop = any(own[0] * width != own[1] * height for own in others)
    return [
        f"{others.total()} pictures are resized to {height} x {width}, in proportion"
        f"{', the centre cropped' if crop else ''} ({_counts(others)})"
    ]


def _counts(sizes: Counter[Size]) -> str:
    return listed([f"{height}x{width}: {count}" for (height, width), count in sizes.most_common()])


def several_sizes(sizes: Counter[Size]) -> str:
    """Returns the end of an error: the sizes, the most frequent first, and what to write."""
    (height, width), _ = sizes.most_common(1)[0]
    size = str(height) if height == width else f"[{height}, {width}]"
    return f"images of {len(sizes)} sizes ({_counts(sizes)}); data.size: {size} resizes them."
