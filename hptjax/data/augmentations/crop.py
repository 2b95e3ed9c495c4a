"""Random shifts: crops the image, with a black frame, to its size."""

from typing import Annotated, ClassVar

from jax import Array
from pydantic import Field

from hptjax.data.augmentations.base import two_below
from hptjax.data.augmentations.geometry import Geometric, Places, Shape


class Crop(Geometric):
    """Pads each image by zeros on all sides, then crops a random window of the image's size.

    padding: in pixels. It does what torchvision's RandomCrop(size, padding) does; He et al. 2016
    use 4 for CIFAR.
    """

    main: ClassVar[str | None] = "padding"

    padding: Annotated[int, Field(ge=1, le=4096)]

    def source(self, places: Places, bits: Array, shape: Shape) -> Places:
        positions = 2 * self.padding + 1
        tops, lefts = two_below(bits, positions, positions)
        return places.moved(
            places.y + (tops - self.padding)[:, None, None],
            places.x + (lefts - self.padding)[:, None, None],
            *shape[1:3],
        )
