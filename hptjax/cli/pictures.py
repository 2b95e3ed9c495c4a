"""Files of pictures as arrays for a network: PNG, JPEG and whatever else Pillow reads."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from hptjax.errors import ConfigError, DataError

_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
_COLOURS = {"RGB", "RGBA", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV"}


def picture_files(paths: Sequence[Path]) -> list[Path]:
    """The files that are named, and all pictures in the folders that are, by name.

    Raises ConfigError for a path to nowhere, and a folder without a picture.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            known = Image.registered_extensions()
            own = sorted(f for f in path.rglob("*") if f.suffix.lower() in known and f.is_file())
            if not own:
                raise ConfigError(f"{path}: there is no picture in this folder.")
            found += own
        elif path.exists():
            found.append(path)
        else:
            raise ConfigError(f"{path}: no such file.")
    return found


def read_picture(path: Path, channels: int, notify: Callable[[str], None]) -> np.ndarray:
    """Bytes [H, W, C] of a picture, turned upright as its camera says.

    notify: told what is done to colours. Raises DataError, which names the file, for one that is
    damaged or no picture, and for a network of other channels than pictures have.
    """
    if channels not in _MODES:
        raise DataError(f"{path}: the network is for {channels} channels, which no picture has.")
    try:
        with Image.open(path) as picture:
            image = ImageOps.exif_transpose(picture)
            image.load()
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise DataError(f"{path}: it is no picture that Pillow can read.") from None
    except (OSError, SyntaxError, ValueError) as error:  # SyntaxError: of a broken PNG
        raise DataError(f"{path}: it cannot be read: {error}.") from None
    mode = _MODES[channels]
    if image.mode.startswith("I") and channels in (1, 3):  # 16 bits
        words = np.clip(np.asarray(image), 0, 65535)
        grey = np.round(words / 257).astype(np.uint8)[..., None]
        notify("grey levels of 16 bits are divided by 257.")
        return np.repeat(grey, channels, -1)
    if image.has_transparency_data and channels in (1, 3):
        notify("transparency is left out.")
    if channels == 1 and image.mode in _COLOURS:
        notify("the network is for grey images: colours become grey (ITU-R 601-2 luma).")
    array = np.asarray(image.convert(mode))
    return array[..., None] if array.ndim == 2 else array
