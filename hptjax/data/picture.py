"""Reads a picture file as an array: colours, depth, orientation and size, and what it changed."""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from hptjax.data.cover import covering_size
from hptjax.errors import ConfigError, DataError, shown
from hptjax.paths import user_path

if TYPE_CHECKING:
    from PIL.Image import Image

ORIENTATION = 274  # the Exif tag
GREY = ("L", "1")
DIM = 6554  # of 65535: pictures of 12 bits, and bytes stored as words, stay below it
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")
_WITH_ALPHA = ("LA", "La", "RGBA", "RGBa", "PA")
# Reports on some pictures; their number comes first.
SAID = {
    "palette": "of a palette of colours: each pixel gets its colour",
    "alpha": "with transparency, which is ignored: their colours are taken as they are. To lay "
    "them on white, write data.background: white",
    "laid": "with transparency: laid on the colour that data.background says",
    "deep": "of 16 bits: divided by 257, rounded to grey levels",
    "dim": "of 16 bits without a number above a tenth of 65535: nearly black; if their white is "
    "less, scale them before",
    "coarse": "in colour, or with transparency, of 16 bits: the upper 8 are read",
    "space": "of another colour space (CMYK, YCbCr, ...): made RGB",
    "turned": "turned as their Exif orientation says",
    "frames": "of several frames: the first one is taken",
    "grey": "in colour: made grey",
    "colour": "in grey: made RGB",
}
Size = tuple[int, int]


class BrokenPictureError(DataError):
    """A file cannot be decoded as a picture; the text names the file."""


class Picture(NamedTuple):
    """A decoded picture: uint8 [H, W, C] with C 1 or 3, and the keys of `SAID` that apply to it.

    size: the original (height, width).
    """

    pixels: np.ndarray
    done: tuple[str, ...]
    size: Size


def has_pillow() -> bool:
    """Tells whether pictures can be read."""
    return find_spec("PIL") is not None


def picture_endings() -> frozenset[str]:
    """Returns the endings of file names that Pillow reads, such as `.png`."""
    from PIL import Image

    readable = Image.registered_extensions()
    return frozenset(end for end, kind in readable.items() if kind in Image.OPEN)


@contextmanager
def without_warnings() -> Iterator[None]:
    """Hides Pillow's warnings in this context, about odd metadata and merely large pictures.

    Use it in the thread that starts other threads: filters belong to the process, and several
    threads would restore each other's.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def colour_of(background: str) -> tuple[int, int, int]:
    """Returns red, green and blue of a colour in Pillow's words; ConfigError for another text."""
    from PIL import ImageColor

    try:
        colour = ImageColor.getrgb(background)
    except (ValueError, AttributeError, TypeError):
        colour = ()
    if len(colour) != 3:  # four numbers include transparency
        raise ConfigError(
            "data.background: must be a colour, as white, black or '#808080', got "
            f"{shown(background)}."
        )
    return colour


def is_picture(image: object) -> bool:
    """Tells whether it is a path or a Pillow image: its bytes alone do not tell its colours."""
    return isinstance(image, str | os.PathLike) or hasattr(image, "getbands")


def any_picture(
    image: Any,
    what: str,
    size: Size | None = None,
    channels: int | None = None,
    background: str | None = None,
) -> Picture:
    """Reads a path (`read_picture`) or a Pillow image (`as_picture`); not for several threads."""
    if hasattr(image, "getbands"):
        return as_picture(image, what, size, channels, background)
    with without_warnings():
        return read_picture(user_path(image), size, channels, background)


def read_picture(
    path: Path,
    size: Size | None = None,
    channels: int | None = None,
    background: str | None = None,
) -> Picture:
    """Decodes a file.

    size: (height, width) to scale and crop to, as `resize_and_crop` does. channels: 1 or 3, to
    convert to. background: the colour to put behind transparent pixels. Raises
    BrokenPictureError for a file that cannot be read as a picture, DataError for one that cannot
    get this size, ConfigError for an unknown colour.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            coarse = image.mode not in DEEP and _has_words(image)
            image.load()
            found = as_picture(image, str(path), size, channels, background)
            return found._replace(done=(*found.done, "coarse")) if coarse else found
    except ConfigError:
        raise
    except MemoryError:
        raise
    except Exception as error:  # of some ten kinds, for damaged bytes
        why = " ".join(str(error).split()).rstrip(".")[:120] or type(error).__name__
        raise BrokenPictureError(f"{path}: cannot be read as a picture ({why}).") from None


def as_picture(
    image: "Image",
    what: str,
    size: Size | None = None,
    channels: int | None = None,
    background: str | None = None,
) -> Picture:
    """Does what `read_picture` does, for a Pillow image; what: begins every error."""
    from PIL import ImageOps

    done = []
    if getattr(image, "n_frames", 1) > 1:
        done.append("frames")
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
        done.append("turned")
    if background is not None and _is_transparent(image):
        image = _laid(image, colour_of(background), done)
    else:
        image = _plain(image, what, done)
    own = image.height, image.width
    if channels is not None and channels != len(image.getbands()):
        image = image.convert("L" if channels == 1 else "RGB")
        done.append("grey" if channels == 1 else "colour")
    if size is not None and own != size:
        image = _resized(image, size, what)
    pixels = np.asarray(image)
    return Picture(pixels[..., None] if pixels.ndim == 2 else pixels, tuple(done), own)


def _has_words(image: "Image") -> bool:
    """Tells whether an undecoded file has 16 bits a number, half of which Pillow would drop."""
    return any("16" in str(part) for tile in getattr(image, "tile", ()) for part in tile[3:])


def _is_transparent(image: "Image") -> bool:
    return image.mode in _WITH_ALPHA or "transparency" in image.info


def _laid(image: "Image", colour: tuple[int, int, int], done: list[str]) -> "Image":
    """Puts a colour behind a transparent image; mode RGB, or L if all of it is grey."""
    from PIL import Image

    done.append("laid")
    grey = image.mode in ("L", "1", "LA", "La", "P", "PA") and len(set(colour)) == 1
    image = image.convert("LA") if image.mode == "La" else image
    page = Image.new("RGBA", image.size, (*colour, 255))
    page.alpha_composite(image.convert("RGBA"))
    return _greyed(page.convert("RGB")) if grey else page.convert("RGB")


def _plain(image: "Image", what: str, done: list[str]) -> "Image":
    """Returns the image in mode L or RGB; notes what was done."""
    from PIL import Image

    if image.mode in GREY:
        return image.convert("L")
    if image.mode in DEEP:
        done.append("deep")
        words = _words(image, what)
        if words.max() < DIM:
            done.append("dim")
        return Image.fromarray(np.round(words / 257).astype(np.uint8))
    if image.mode == "F":
        raise DataError(f"{what}: is of real numbers, whose white is not known; save it as PNG.")
    if image.mode in ("P", "PA"):
        done.append("palette")
    if _is_transparent(image):
        done.append("alpha")
    if image.mode in ("LA", "La"):
        return image.convert("LA").getchannel("L")
    if image.mode not in ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA"):
        done.append("space")
    image = image.convert("RGBA") if image.mode == "RGBa" else image  # not directly to RGB
    image = image.convert("RGB")
    return _greyed(image) if "palette" in done else image


def _greyed(image: "Image") -> "Image":
    """Returns the image, in grey if its palette has only greys."""
    red, green, blue = (np.asarray(band) for band in image.split())
    same = np.array_equal(red, green) and np.array_equal(green, blue)
    return image.getchannel(0) if same else image


def _words(image: "Image", what: str) -> np.ndarray:
    """Returns the 16-bit numbers [H, W] of an image."""
    words = np.asarray(image).astype(np.int64)
    if words.min() < 0 or words.max() > 65535:
        raise DataError(
            f"{what}: has numbers from {words.min()} to {words.max()}, 0 to 65535 are read."
        )
    return words


def _resized(image: "Image", size: Size, what: str) -> "Image":
    """Scales the image until it just covers the size, then crops its centre."""
    from PIL.Image import Resampling

    height, width = covering_size((image.height, image.width), size, what)
    top, left = round((height - size[0]) / 2), round((width - size[1]) / 2)
    scaled = image.resize((width, height), Resampling.BILINEAR)
    return scaled.crop((left, top, left + size[1], top + size[0]))


def lines_of(done: Iterable[tuple[str, ...]], noun: str = "pictures") -> list[str]:
    """Returns a line for each thing done to several pictures, with their number."""
    keys = [key for own in done for key in own]
    return [
        f"{count} {noun if count > 1 else noun.removesuffix('s')} {said}"
        for key, said in SAID.items()
        if (count := keys.count(key))
    ]
