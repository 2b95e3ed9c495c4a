"""The original study's augmentation: random horizontal flip, then random rotation."""

import jax.numpy as jnp
from jax import Array

from hptjax.data.augmentations.flip import mirrored
from hptjax.data.augmentations.geometry import Geometric, Places, Shape
from hptjax.data.augmentations.rotate import rotated

MAX_DEGREES = 30.0


class Original(Geometric):
    """Flips each image left-right with p = 1/2, then rotates it by U(-30, 30) degrees, fill 0.

    `[flip, {rotate: 30}]` does the same with other random numbers.
    """

    def source(self, places: Places, bits: Array, shape: Shape) -> Places:
        flips = (bits & 1).astype(bool)
        return mirrored(rotated(places, bits, MAX_DEGREES, shape), flips, shape[2])


def augment(key: Array, images: Array) -> Array:
    """Flips each image left-right with p = 1/2, then rotates it by U(-30, 30) degrees, fill 0.

    key: a typed PRNG key; images: [N, H, W, C], returned with the same shape and dtype. The change
    of an image depends only on the key and the image's index, not on N. The angle is uniform over
    4096 values, the middles of equal parts of the interval. The function is pure; jit can compile
    it.
    """
    return Original()(jnp.asarray(images), key)
