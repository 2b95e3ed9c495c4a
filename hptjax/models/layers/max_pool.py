"""The max pool."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.config.geometry import conv_size
from hptjax.models.layers.base import Context, Infeasible, Layer, Shape
from hptjax.models.layers.conv import padding_of
from hptjax.models.layers.fields import Padding
from hptjax.ops.moves import Pads
from hptjax.ops.pool import max_pool


class MaxPool(Layer):
    """The largest number of each window of size x size pixels.

    size: height and width of a window in pixels. stride: pixels from one window to the next; by
    default `size`. padding: pixels on each side, which are never the largest, or `same`: at stride
    1 the maps keep their size.
    """

    main: ClassVar[str | None] = "size"
    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    size: Positive = 2
    stride: Positive | None = None
    padding: Padding = 0

    @property
    def steps(self) -> int:
        """Pixels from one window to the next."""
        return self.stride or self.size

    @property
    def pads(self) -> Pads:
        """The rows and the columns of padding, (before, after) each."""
        return padding_of((self.size, self.size), self.padding)

    def check(self, incoming: Shape) -> None:
        if isinstance(self.padding, int) and self.padding > self.size // 2:
            raise Infeasible(
                f"its padding of {self.padding} is more than half of its windows of {self.size}, "
                "some of which would hold nothing else: lower padding or use 'same'."
            )
        _, height, width = incoming
        if min(height, width) + sum(self.pads[0]) < self.size:
            raise Infeasible(
                f"the maps are {height} x {width}, too small for windows of {self.size}: lower "
                "size or use padding 'same'."
            )

    def out(self, incoming: Shape) -> Shape:
        height, width = (
            conv_size(size, self.size, self.steps, self.pads[0]) for size in incoming[1:]
        )
        return incoming[0], height, width

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        live = jnp.int32(context.incoming[0])
        return max_pool(x, live, size=self.size, stride=self.steps, padding=self.pads)

    def module(self, name: str | None = None) -> nn.Module:
        return MaxPoolModule(self, name=name)


class MaxPoolModule(nn.Module):
    """A `MaxPool` as a Flax module: x [B, H, W, C]."""

    layer: MaxPool

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        own = self.layer
        return nn.max_pool(x, (own.size,) * 2, (own.steps,) * 2, own.pads)  # pyright: ignore[reportArgumentType]
