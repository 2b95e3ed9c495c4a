"""Files of pictures as arrays for a network: PNG, JPEG and whatever else Pillow reads."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hptjax.data import picture
from hptjax.errors import ConfigError, DataError
from hptjax.models.prepare import told_pixels


def picture_files(paths: Sequence[Path]) -> list[Path]:
    """The files that are named, and all pictures in the folders that are, by name.

    Raises ConfigError for a path to nowhere, and a folder without a picture.
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
    """Whether it is a file that is not hidden, as macOS's ._photo.png beside photo.png is."""
    return file.is_file() and not file.name.startswith(".")


def read_picture(
    path: Path, channels: int, notify: Callable[[str], None], background: str | None = None
) -> np.ndarray:
    """Bytes [H, W, C] of a picture, read as those of a folder of training images are.

    notify: told what is done to it; background: as of the network. Raises DataError, which names
    the file, for one that is damaged or no picture, and for a network of other channels than
    pictures have.
    """
    if channels not in (1, 3):
        raise DataError(
            f"{path}: the network is for {channels} channels, pictures have 1 or 3; give arrays to "
            "hptjax.load_network(...).predict."
        )
    return told_pixels(path, str(path), channels, notify, background)
