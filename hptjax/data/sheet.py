"""Pictures in a grid, each with a caption: a sheet to look at."""

import base64
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont

SIDE = 72  # pixels to which small pictures are enlarged, at least
LARGEST = 160  # pixels to which large ones are brought
GAP = 6
TEXT = 11
MOST_COLUMNS = 12


def chosen(labels: np.ndarray, classes: int, count: int) -> np.ndarray:
    """Indices of about `count` images, at least one: as many of each class, one after another.

    labels: int [N] of `classes` classes, those that have images. Where there are few classes they
    go class by class, so that in a grid of as many columns each has its own.
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
    """How many columns a sheet of so many pictures has: one a class where these are few."""
    return min(count, classes if classes <= MOST_COLUMNS else 10)


def sheet(images: np.ndarray, captions: Sequence[str], columns: int) -> "Image":
    """A sheet of pictures. images: uint8 [N, H, W, C]; only RGB has colours."""
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
    """An image [H, W, C] in colours, its pixels enlarged where it is small."""
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
    """An image [H, W, C], enlarged as in a sheet, as a PNG in base64."""
    file = io.BytesIO()
    as_image(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _font() -> "FreeTypeFont":
    from PIL import ImageFont

    return ImageFont.load_default(TEXT)  # pyright: ignore[reportReturnType]


def _cut(caption: str, font: "FreeTypeFont", width: int) -> str:
    """The caption, its end left out where it is wider than its picture."""
    if font.getlength(caption) <= width:
        return caption
    while caption and font.getlength(f"{caption}...") > width:
        caption = caption[:-1]
    return f"{caption}..."
