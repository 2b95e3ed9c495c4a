"""A sheet of pictures in a grid, each with a caption."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SIDE = 72  # pixels: small pictures are enlarged to at least this
LARGEST = 160  # pixels: large pictures are reduced to this
GAP = 6
TEXT = 11
MOST_COLUMNS = 12
MOST_STRETCH = 1.5  # rows of a sheet for each of its columns, where there is room for more columns


def chosen(labels: np.ndarray, classes: int, count: int) -> np.ndarray:
    """Returns indices of about `count` images, at least one: equally many of each class, in turn.

    labels: int [N] of `classes` classes, those that have images. If there are few classes, each
    gets columns of its own in a grid whose columns are a multiple of the classes.
    """
    present = [np.flatnonzero(labels == k) for k in range(classes)]
    present = [own for own in present if len(own)]
    each = max(1, count // len(present))
    if len(present) > count:
        return np.array([own[0] for own in present[:count]])
    if len(present) > MOST_COLUMNS:
        return np.concatenate([own[:each] for own in present])
    rows = [own[row] for row in range(each) for own in present if row < len(own)]
    return np.array(rows)


def columns_for(count: int, classes: int) -> int:
    """Returns the number of columns of a sheet: the same number for each class if there are few.

    So many that the sheet of `count` pictures is not much higher than wide.
    """
    if classes > MOST_COLUMNS:
        return min(count, 10)
    columns = classes
    while columns + classes <= MOST_COLUMNS and count > MOST_STRETCH * columns**2:
        columns += classes
    return min(count, columns)


def sheet(images: np.ndarray, captions: Sequence[str], columns: int) -> "Image":
    """Returns a sheet of pictures. images: uint8 [N, H, W, C]; only RGB has colours."""
    from PIL import Image, ImageDraw

    pictures = [as_image(one) for one in images]
    font = _font()
    width, height = pictures[0].size
    cell = width + GAP, height + TEXT + 2 * GAP
    rows = -(-len(pictures) // columns)
    page = Image.new("RGB", (columns * cell[0] + GAP, rows * cell[1] + GAP), "white")
    draw = ImageDraw.Draw(page)
    for k, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = GAP + k % columns * cell[0], GAP + k // columns * cell[1]
        page.paste(picture, (left, top))
        text = _cut(caption, font, width)
        draw.text((left, top + height + 1), text, fill="black", font=font)
    return page


def as_image(pixels: np.ndarray) -> "Image":
    """Returns an image [H, W, C] in colours; enlarges it if it is small."""
    from PIL import Image

    plain = pixels if pixels.shape[-1] == 3 else pixels[..., 0]
    image = Image.fromarray(np.ascontiguousarray(plain)).convert("RGB")
    short, long = min(image.size), max(image.size)
    if short < SIDE:
        times = max(1, min(-(-SIDE // short), LARGEST // long))
        return image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    if long > LARGEST:
        image.thumbnail((LARGEST, LARGEST))
    return image


def png_text(pixels: np.ndarray) -> str:
    """Returns an image [H, W, C], enlarged as in a sheet, as a PNG in base64."""
    file = io.BytesIO()
    as_image(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _font() -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.load_default(TEXT)  # pyright: ignore[reportReturnType]


def _cut(caption: str, font: "FreeTypeFont", width: int) -> str:
    """Cuts off the end of a caption that is wider than its picture."""
    if font.getlength(caption) <= width:
        return caption
    while caption and font.getlength(f"{caption}...") > width:
        caption = caption[:-1]
    return f"{caption}..."
