"""Makes tests/data/augmentation_reference.npz: augmentations by Pillow, for the parity tests.

Command: python experiments/make_augmentation_reference.py    (needs Pillow; about a second)
Result:  per kind of image: images, 32 random bits for each, and Pillow's result for the
         draw of these bits: rotate_15, rotate_180, flip, vertical_flip, crop_3, cutout.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image, ImageDraw, ImageOps

from hptjax.data import load_images

PATH = Path(__file__).parents[1] / "tests" / "data" / "augmentation_reference.npz"
Draw = Callable[[Image.Image, int], Image.Image]


def rotate(degrees: float) -> Draw:
    """Rotates by one of 4096 angles, the middles of equal parts, by the upper 12 bits."""

    def rotated(image: Image.Image, bits: int) -> Image.Image:
        angle = (((bits >> 20) + 0.5) / 4096 * 2 - 1) * degrees
        return image.rotate(angle, Image.Resampling.NEAREST)

    return rotated


def flip(method: Image.Transpose) -> Draw:
    """Flips with probability 0.5: if the uppermost bit is 0."""
    return lambda image, bits: image if bits >> 31 else image.transpose(method)


def crop(padding: int) -> Draw:
    """Crops the framed image; the upper 16 bits give the top, the lower 16 the left side."""

    def cropped(image: Image.Image, bits: int) -> Image.Image:
        top, left = (half * (2 * padding + 1) // 2**16 for half in (bits >> 16, bits % 2**16))
        framed = ImageOps.expand(image, padding, fill=0)
        return framed.crop((left, top, left + image.width, top + image.height))

    return cropped


def cutout(size: int) -> Draw:
    """Draws a black square; the upper 16 bits give the row of its centre, the others the column."""

    def cut(image: Image.Image, bits: int) -> Image.Image:
        top = (bits >> 16) * image.height // 2**16 - size // 2
        left = bits % 2**16 * image.width // 2**16 - size // 2
        drawn = image.copy()
        corners = (left, top, left + size - 1, top + size - 1)  # both are inside the square
        ImageDraw.Draw(drawn).rectangle(corners, fill=0)
        return drawn

    return cut


KINDS: dict[str, Draw] = {
    "rotate_15": rotate(15),
    "rotate_180": rotate(180),
    "flip": flip(Image.Transpose.FLIP_LEFT_RIGHT),
    "vertical_flip": flip(Image.Transpose.FLIP_TOP_BOTTOM),
    "crop_3": crop(3),
    "cutout_5": cutout(5),
    "cutout_8": cutout(8),
}


def by_pillow(draw: Draw, images: np.ndarray, bits: np.ndarray) -> np.ndarray:
    grey = images.shape[-1] == 1
    results = [
        np.asarray(draw(Image.fromarray(x[..., 0] if grey else x), int(own)))
        for x, own in zip(images, bits, strict=True)
    ]
    return np.stack(results).reshape(images.shape)


def main() -> None:
    rng = np.random.default_rng(0)
    garments = load_images("sample", split="test").images[:16]
    noise = rng.integers(1, 256, (16, 9, 14, 3), dtype=np.uint8)  # never 0: the fill shows
    arrays: dict[str, Any] = {"pillow_version": np.array(PIL.__version__)}
    for name, images in {"garments": garments, "noise": noise}.items():
        bits = rng.integers(0, 2**32, len(images), dtype=np.uint32)
        bits[:3] = (0, 2**32 - 1, 2**31)  # the ends, and the middle
        arrays[f"{name}_images"], arrays[f"{name}_bits"] = images, bits
        for kind, draw in KINDS.items():
            arrays[f"{name}_{kind}"] = by_pillow(draw, images, bits)
    np.savez_compressed(PATH, **arrays)
    print(f"{PATH}: {PATH.stat().st_size} bytes, Pillow {PIL.__version__}")


if __name__ == "__main__":
    main()
