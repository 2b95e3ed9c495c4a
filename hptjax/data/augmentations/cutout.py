"""Cutout: a random black square in the image (DeVries and Taylor 2017, arXiv 1708.04552)."""

from typing import Annotated, ClassVar

import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.data.augmentations.base import PerImage, two_below


class Cutout(PerImage):
    """Makes a square of each image black; returns the type that it takes.

    size: of its sides, in pixels. Its centre is a uniformly random pixel, so part of the square may
    lie outside the image. If the size is even, the centre is the pixel after the middle.
    """

    bytes: ClassVar[bool] = True
    main: ClassVar[str | None] = "size"

    size: Annotated[int, Field(ge=1, le=4096)]

    def changed(self, images: Array, bits: Array) -> Array:
        _, height, width, _ = images.shape
        y, x = two_below(bits, height, width)
        rows, columns = self._covers(y, height), self._covers(x, width)
        hidden = rows[:, :, None, None] & columns[:, None, :, None]
        return jnp.where(hidden, jnp.zeros((), images.dtype), images)

    def _covers(self, centre: Array, length: int) -> Array:
        """Returns the rows, or columns, of the squares with centres [N]: bool [N, length]."""
        after = jnp.arange(length) - (centre[:, None] - self.size // 2)
        return (after >= 0) & (after < self.size)
