"""Turns maps into units."""

import math
from collections.abc import Mapping
from typing import ClassVar, Literal

import flax.linen as nn
from jax import Array

from hptjax.models.layers.base import Context, Layer, Shape


class Flatten(Layer):
    """Turns all numbers of the maps into units, one channel after another, as in PyTorch."""

    main: ClassVar[str | None] = None
    gives: ClassVar[Literal["maps", "units"] | None] = "units"

    def out(self, incoming: Shape) -> Shape:
        return (math.prod(incoming),)

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        # channels come first, so that the live numbers stay in front
        return x.reshape(-1, x.shape[-1])

    def module(self, name: str | None = None) -> nn.Module:
        return FlattenModule(name=name)


class FlattenModule(nn.Module):
    """A `Flatten` as a Flax module: images [B, H, W, C] -> [B, C * H * W]."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        return x.reshape(len(x), -1) if x.ndim == 2 else x.transpose(0, 3, 1, 2).reshape(len(x), -1)
