"""Makes tests/data/pillow_reference.npz: rotations and resizes by Pillow, for the parity tests.

Command: python experiments/make_rotation_reference.py    (needs Pillow; about a second)
Result:  per image size: images, angles in degrees, Image.rotate(angle, NEAREST) of each; and the
         same images resized by Image.resize(size, BILINEAR).
"""

from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

from hptjax.data import load_images

PATH = Path(__file__).parents[1] / "tests" / "data" / "pillow_reference.npz"
RESIZES = ((14, 14), (20, 20), (32, 32), (40, 25))


def to_pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def from_pillow(image: Image.Image) -> np.ndarray:
    array = np.asarray(image)
    return array[..., None] if array.ndim == 2 else array


def rotated(images: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    pairs = zip(images, degrees, strict=True)
    nearest = Image.Resampling.NEAREST
    return np.stack([from_pillow(to_pillow(x).rotate(float(d), nearest)) for x, d in pairs])


def resized(images: np.ndarray, height: int, width: int) -> np.ndarray:
    bilinear = Image.Resampling.BILINEAR
    return np.stack([from_pillow(to_pillow(x).resize((width, height), bilinear)) for x in images])


def main() -> None:
    rng = np.random.default_rng(0)
    garments = load_images("sample", split="test").images[:200]
    noise = rng.integers(1, 256, (20, 21, 34, 3), dtype=np.uint8)  # never 0: the fill shows
    arrays: dict[str, Any] = {"pillow_version": np.array(PIL.__version__)}
    for name, images in {"garments": garments, "noise": noise}.items():
        degrees = rng.uniform(-30, 30, len(images))
        degrees[:7] = (0.0, 1e-3, -1e-3, 30.0, -30.0, 15.0, 22.5)
        arrays[f"{name}_images"], arrays[f"{name}_degrees"] = images, degrees
        arrays[f"{name}_rotated"] = rotated(images, degrees)
        for height, width in RESIZES:
            arrays[f"{name}_{height}x{width}"] = resized(images[:10], height, width)
    np.savez_compressed(PATH, **arrays)
    print(f"{PATH}: {PATH.stat().st_size} bytes, Pillow {PIL.__version__}")


if __name__ == "__main__":
    main()
