"""Augmentations that move pixels: several in a row are computed by one gather."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax import Array

from hptjax.data.augmentations.base import PerImage

Shape = tuple[int, ...]


class Places(NamedTuple):
    """The places in the images from which the pixels of a result are read.

    y, x: int32, each broadcasts to [N, H, W]. inside: bool, likewise; where it is False, the pixel
    is black. None: all places are inside.
    """

    y: Array
    x: Array
    inside: Array | None = None

    @classmethod
    def unmoved(cls, height: int, width: int) -> "Places":
        """Returns the places that read every pixel from its own place."""
        x = jnp.arange(width, dtype=jnp.int32)
        return cls(jnp.arange(height, dtype=jnp.int32)[:, None], x)

    def moved(self, y: Array, x: Array, height: int, width: int) -> "Places":
        """Returns places that read from y, x instead; outside the image, pixels are black."""
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return Places(y, x, inside if self.inside is None else self.inside & inside)


class Geometric(PerImage):
    """Reads each pixel from another place; returns the type that it takes."""

    bytes: ClassVar[bool] = True

    def source(self, places: Places, bits: Array, shape: Shape) -> Places:
        """Returns the places in its input [N, H, W, C] from which these places are read."""
        raise NotImplementedError

    def changed(self, images: Array, bits: Array) -> Array:
        return moved([self], images, [bits])


def moved(parts: Sequence[Geometric], images: Array, bits: Sequence[Array]) -> Array:
    """Returns the images after all these augmentations, each with its own bits [N].

    The result equals one augmentation after another: maps of whole pixels compose without rounding.
    """
    places = Places.unmoved(*images.shape[1:3])
    for part, own in zip(reversed(parts), reversed(bits), strict=True):
        places = part.source(places, own, images.shape)
    return gathered(images, places)


def gathered(images: Array, places: Places) -> Array:
    """Reads every pixel from its place.

    XLA fuses the indices into this one gather: no temporary grows with the images.
    """
    count, height, width, channels = images.shape
    source = places.y * width + places.x
    if places.inside is not None:
        # clamped, not filled by the gather: measured 10 % faster on XLA:CPU
        source = jnp.where(places.inside, source, 0)
    pixels = images.reshape(count, height * width, channels)
    source = jnp.broadcast_to(source, images.shape[:3]).reshape(count, height * width, 1)
    found = jnp.take_along_axis(pixels, source, axis=1, mode="promise_in_bounds")
    found = found.reshape(images.shape)
    if places.inside is None:
        return found
    return jnp.where(places.inside[..., None], found, 0).astype(images.dtype)
