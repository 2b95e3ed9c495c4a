"""Rotates by a random angle, nearest neighbour; every pixel equals Pillow's Image.rotate.

torchvision's RandomRotation calls that function. Pillow walks the source image in 16.16 fixed-point
numbers (affine_fixed in src/libImaging/Geometry.c), and so does this. Angles come from a fine table
of coefficients, computed once in double precision. So the device computes only with whole numbers,
and the result has the same bits on every backend, for every number of images.
"""

from functools import lru_cache
from typing import Annotated, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from pydantic import Field

from hptjax.data.augmentations.geometry import Geometric, Places, Shape, gathered

_ANGLE_BITS = 12  # for 30 degrees: 0.015 apart, 0.003 pixels at the corner of a 32 x 32 image
_FRACTION_BITS = 16


class Rotate(Geometric):
    """Rotates each image about its centre by U(-degrees, degrees), nearest neighbour, fill 0.

    degrees: the largest angle, either way. The angle is uniform over 4096 values, the middles of
    equal parts of the interval.
    """

    main: ClassVar[str | None] = "degrees"

    degrees: Annotated[float, Field(gt=0, le=180)]

    def source(self, places: Places, bits: Array, shape: Shape) -> Places:
        return rotated(places, bits, self.degrees, shape)


def rotated(places: Places, bits: Array, degrees: float, shape: Shape) -> Places:
    """Returns the places before a rotation by up to `degrees`; the upper bits choose the angle."""
    _, height, width, _ = shape
    table = jnp.asarray(_coefficients_of_all_angles(degrees, height, width))
    return _mapped(places, table[bits >> (32 - _ANGLE_BITS)], height, width)


def rotate_nearest(images: Array | np.ndarray, degrees: np.ndarray) -> Array:
    """Rotates each image counter-clockwise about its centre, nearest neighbour, fill 0.

    images: [N, H, W, C]; degrees: float [N], known on the host. Equal to Pillow's
    rotate(angle, NEAREST) in every pixel, for images of fewer than 32768 pixels a side.
    """
    images = jnp.asarray(images)
    height, width = images.shape[1:3]
    coefficients = jnp.asarray(affine_coefficients(degrees, height, width))
    return gathered(images, _mapped(Places.unmoved(height, width), coefficients, height, width))


def affine_coefficients(degrees: np.ndarray, height: int, width: int) -> np.ndarray:
    """Returns fixed-point maps, int32 [N, 6], from rotated to source pixels. degrees: [N].

    With row (a, b, c, d, e, f): source x = (a x + b y + c) >> 16, source y = (d x + e y + f) >> 16.
    """
    radians = -np.radians(np.asarray(degrees, np.float64))
    cos, sin = np.round(np.cos(radians), 15), np.round(np.sin(radians), 15)
    centre_x, centre_y = width / 2, height / 2
    shift_x = cos * -centre_x + sin * -centre_y + centre_x
    shift_y = -sin * -centre_x + cos * -centre_y + centre_y
    real = (
        *(cos, sin, shift_x + cos * 0.5 + sin * 0.5),  # + 0.5: from the middle of the pixel
        *(-sin, cos, shift_y + -sin * 0.5 + cos * 0.5),
    )
    return np.floor(np.stack(real, axis=-1) * 2**_FRACTION_BITS + 0.5).astype(np.int32)


@lru_cache(maxsize=32)
def _coefficients_of_all_angles(degrees: float, height: int, width: int) -> np.ndarray:
    count = 2**_ANGLE_BITS
    angles = ((np.arange(count) + 0.5) / count * 2 - 1) * degrees
    return affine_coefficients(angles, height, width)


def _mapped(places: Places, coefficients: Array, height: int, width: int) -> Places:
    """Returns the places moved by maps [N, 6], one for each image."""
    a, b, c, d, e, f = (column[:, None, None] for column in coefficients.T)
    x = (a * places.x + b * places.y + c) >> _FRACTION_BITS
    y = (d * places.x + e * places.y + f) >> _FRACTION_BITS
    return places.moved(y, x, height, width)
