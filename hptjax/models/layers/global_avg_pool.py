"""The mean of each map."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import flax.linen as nn
from jax import Array

from hptjax.models.layers.base import Context, Layer, Shape


class GlobalAvgPool(Layer):
    """Averages each map to a unit."""

    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"
    gives: ClassVar[Literal["maps", "units"] | None] = "units"

    def out(self, incoming: Shape) -> Shape:
        return incoming[:1]

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        return x.mean((1, 2))

    def module(self, name: str | None = None) -> nn.Module:
        return GlobalAvgPoolModule(name=name)


class GlobalAvgPoolModule(nn.Module):
    """A `GlobalAvgPool` as a Flax module: images [B, H, W, C] -> [B, C]."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        return x.mean((1, 2))
