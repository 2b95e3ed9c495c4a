"""Pools: they reduce each window of a map to one number."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import flax.linen as nn
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.models.layers.base import Context, Infeasible, Layer, Shape
from hptjax.ops.pointwise import average_pool


class AvgPool(Layer):
    """The mean of each window of size x size pixels; drops the rows and columns left over.

    size: height and width of a window in pixels, and pixels from one window to the next.
    """

    main: ClassVar[str | None] = "size"
    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    size: Positive = 2

    def check(self, incoming: Shape) -> None:
        _, height, width = incoming
        if min(height, width) < self.size:
            raise Infeasible(
                f"the maps are {height} x {width}, too small for a pool of {self.size}."
            )

    def out(self, incoming: Shape) -> Shape:
        return incoming[0], incoming[1] // self.size, incoming[2] // self.size

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        return average_pool(x, self.size)

    def module(self, name: str | None = None) -> nn.Module:
        return AvgPoolModule(self.size, name=name)


class AvgPoolModule(nn.Module):
    """An `AvgPool` as a Flax module: x [B, H, W, C]."""

    size: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        return nn.avg_pool(x, (self.size,) * 2, (self.size,) * 2)
