"""Reads files of pictures as arrays for a network: PNG, JPEG and all that Pillow reads."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hptjax.data import picture
from hptjax.errors import ConfigError, DataError
from hptjax.models.prepare import told_pixels


def picture_files(paths: Sequence[Path]) -> list[Path]:
    """The named files, and all pictures in the named folders, ordered by name.

    Raises ConfigError for a path that does not exist, and for a folder without a picture.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            known = picture.picture_endings()
            own = sorted(f for f in path.rglob("*") if f.suffix.lower() in known and _is_shown(f))
            if not own:
                raise ConfigError(f"{path}: there is no picture in this folder.")
            found += own
        elif path.exists():
            found.append(path)
        else:
            raise ConfigError(f"{path}: no such file.")
    return found


def _is_shown(file: Path) -> bool:
    """Whether it is a file, but not hidden as macOS's ._photo.png beside photo.png."""
    return file.is_file() and not file.name.startswith(".")


def read_picture(
    path: Path, channels: int, notify: Callable[[str], None], background: str | None = None
) -> np.ndarray:
    """The bytes [H, W, C] of a picture, read as in a folder of training images.

    notify: called with changes to it. background: that of the network. Raises DataError, which
    names the file, if it is damaged or not a picture, or if pictures cannot have the network's
    channels.
    """
    if channels not in (1, 3):
        raise DataError(
            f"{path}: the network is for {channels} channels, pictures have 1 or 3; give arrays to "
            "hptjax.load_network(...).predict."
        )
    return told_pixels(path, str(path), channels, notify, background)
