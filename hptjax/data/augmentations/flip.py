"""Mirrors images: left-right, or upside down."""

from typing import Annotated, ClassVar

import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.data.augmentations.base import unit_interval
from hptjax.data.augmentations.geometry import Geometric, Places, Shape


class Flip(Geometric):
    """Mirrors each image left-right with chance p, as torchvision's RandomHorizontalFlip does.

    p: the chance that an image is mirrored.
    """

    main: ClassVar[str | None] = "p"
    axis: ClassVar[int] = 2  # of [N, H, W, C]

    p: Annotated[float, Field(ge=0, le=1)] = 0.5

    def source(self, places: Places, bits: Array, shape: Shape) -> Places:
        return mirrored(places, self._chosen(bits), shape[2])

    def changed(self, images: Array, bits: Array) -> Array:
        """A single flip needs no gather: it copies rows of pixels as they are, or reversed."""
        flips = self._chosen(bits)[:, None, None, None]
        return jnp.where(flips, jnp.flip(images, self.axis), images)

    def _chosen(self, bits: Array) -> Array:
        return unit_interval(bits) < self.p


class VerticalFlip(Flip):
    """Turns each image upside down with chance p, as torchvision's RandomVerticalFlip does."""

    axis: ClassVar[int] = 1

    def source(self, places: Places, bits: Array, shape: Shape) -> Places:
        flips = self._chosen(bits)[:, None, None]
        return places._replace(y=jnp.where(flips, shape[1] - 1 - places.y, places.y))


def mirrored(places: Places, flips: Array, width: int) -> Places:
    """Returns the places before some of the images, flips [N], are mirrored left-right."""
    return places._replace(x=jnp.where(flips[:, None, None], width - 1 - places.x, places.x))
