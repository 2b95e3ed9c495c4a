"""Makes shapes.npz: synthetic colour images of CIFAR's form, ten kinds of shapes.

Command: python experiments/make_shapes_npz.py shapes.npz    (a few seconds, nothing downloaded)
Result:  8000 training and 2000 test images, 32 x 32 x 3, drawn with seed 0. A shape of a random
         bright colour, place, size and angle lies on a dark background, under noise.

They replace CIFAR-10 in comparisons of speed, and say nothing about its accuracies.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SIZE, NOISE = 32, 0.1
COUNTS = {"train": 8000, "test": 2000}

Plane = np.ndarray  # of coordinates [N, H, W], in units of the shape's radius

SHAPES: dict[str, Callable[[Plane, Plane], np.ndarray]] = {
    "disc": lambda u, v: u**2 + v**2 < 1,
    "ring": lambda u, v: np.abs(u**2 + v**2 - 0.7) < 0.3,
    "half_disc": lambda u, v: (u**2 + v**2 < 1) & (v > 0),
    "square": lambda u, v: np.maximum(np.abs(u), np.abs(v)) < 0.8,
    "frame": lambda u, v: np.abs(np.maximum(np.abs(u), np.abs(v)) - 0.65) < 0.2,
    "triangle": lambda u, v: (v > -0.6) & (np.abs(u) < 0.6 * (1 - v)),
    "cross": lambda u, v: (np.minimum(np.abs(u), np.abs(v)) < 0.25) & (u**2 + v**2 < 1),
    "bar": lambda u, v: (np.abs(u) < 1) & (np.abs(v) < 0.3),
    "two_bars": lambda u, v: (np.abs(u) < 1) & (np.abs(np.abs(v) - 0.5) < 0.2),
    "corner": lambda u, v: (
        (np.minimum(u, v) < -0.3) & (np.minimum(u, v) > -0.8) & (u < 0.8) & (v < 0.8)
    ),
}


def drawn(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The images uint8 [N, H, W, 3] of shapes, given by number [N]."""
    count = len(labels)
    place = rng.uniform(12, SIZE - 12, (2, count, 1, 1))
    radius, angle = rng.uniform(7, 12, (count, 1, 1)), rng.uniform(-0.5, 0.5, (count, 1, 1))
    y, x = np.mgrid[:SIZE, :SIZE][:, None]
    dy, dx = (y - place[0]) / radius, (x - place[1]) / radius
    u, v = np.cos(angle) * dx + np.sin(angle) * dy, np.cos(angle) * dy - np.sin(angle) * dx
    inside = np.zeros((count, SIZE, SIZE), bool)
    for k, shape in enumerate(SHAPES.values()):
        own = labels == k
        inside[own] = shape(u[own], v[own])
    front, back = rng.uniform(0.5, 1, (count, 1, 1, 3)), rng.uniform(0, 0.4, (count, 1, 1, 3))
    images = np.where(inside[..., None], front, back) + rng.normal(0, NOISE, (count, SIZE, SIZE, 3))
    return (images.clip(0, 1) * 255).round().astype(np.uint8)


def main(path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {"class_names": np.array(list(SHAPES))}
    for name, count in COUNTS.items():
        labels = rng.permutation(np.arange(count) % len(SHAPES))
        arrays[f"x_{name}"] = drawn(labels, rng)
        arrays[f"y_{name}"] = labels.astype(np.uint8)
    np.savez_compressed(path, **arrays)
    print(f"{path}: {' and '.join(f'{count} {name}' for name, count in COUNTS.items())} images")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "shapes.npz"))
