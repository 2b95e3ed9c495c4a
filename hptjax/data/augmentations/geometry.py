"""Augmentations that move pixels: several in a row are one gather."""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import jax.numpy as jnp
from jax import Array

from hptjax.data.augmentations.base import PerImage

Shape = tuple[int, ...]


class Places(NamedTuple):
    """Where in the images the pixels of a result are read from.

    y, x: int32, each broadcasts to [N, H, W]. inside: bool, likewise; where it is False the pixel
    is black. None: all lie inside.
    """

    y: Array
    x: Array
    inside: Array | None = None

    @classmethod
    def unmoved(cls, height: int, width: int) -> "Places":
        """Every pixel is read from its own place."""
        x = jnp.arange(width, dtype=jnp.int32)
        return cls(jnp.arange(height, dtype=jnp.int32)[:, None], x)

    def moved(self, y: Array, x: Array, height: int, width: int) -> "Places":
        """Read from y, x instead; what lies outside of the image is black."""
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        return Places(y, x, inside if self.inside is None else self.inside & inside)


class Geometric(PerImage):
    """An augmentation that reads each pixel from another place; it gives the type that it takes."""

    bytes: ClassVar[bool] = True

    def source(self, places: Places, bits: Array, shape: Shape) -> Places:
        """Where in its input, of shape [N, H, W, C], it finds these places of its result."""
        raise NotImplementedError

    def changed(self, images: Array, bits: Array) -> Array:
        return moved([self], images, [bits])


def moved(parts: Sequence[Geometric], images: Array, bits: Sequence[Array]) -> Array:
    """The images after all these augmentations, each by bits [N] of its own.

    Equal to one after another, since maps of whole pixels compose without rounding.
    """
    places = Places.unmoved(*images.shape[1:3])
    for part, own in zip(reversed(parts), reversed(bits), strict=True):
        places = part.source(places, own, images.shape)
    return gathered(images, places)


def gathered(images: Array, places: Places) -> Array:
    """Reads every pixel from its place.

    One gather whose indices XLA fuses into it: no temporary grows with the images.
    """
    count, height, width, channels = images.shape
    source = places.y * width + places.x
    if places.inside is not None:
        # clamped rather than filled by the gather: measured 10% faster on XLA:CPU
        source = jnp.where(places.inside, source, 0)
    pixels = images.reshape(count, height * width, channels)
    source = jnp.broadcast_to(source, images.shape[:3]).reshape(count, height * width, 1)
    found = jnp.take_along_axis(pixels, source, axis=1, mode="promise_in_bounds")
    found = found.reshape(images.shape)
    if places.inside is None:
        return found
    return jnp.where(places.inside[..., None], found, 0).astype(images.dtype)
