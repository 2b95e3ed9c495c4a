"""Dropout of single numbers or of whole maps."""

from collections.abc import Mapping
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from hptjax.models.layers.base import Context, Infeasible, Layer, Shape
from hptjax.models.layers.fields import Rate
from hptjax.models.layers.pieces import dropped


class Dropout(Layer):
    """Zeroes numbers at random in training, and scales up the others.

    rate: the share of numbers that is zeroed. maps: whether to zero whole maps of an image.
    """

    main: ClassVar[str | None] = "rate"
    may_miss: ClassVar[tuple[str, ...]] = ("rate",)

    rate: Rate = 0.5
    maps: bool = False

    def check(self, incoming: Shape) -> None:
        if self.maps and len(incoming) == 1:
            raise Infeasible("units come in, not maps: leave out its option maps.")

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        return dropped(x, self.rate, context, context.incoming[0], whole=self.maps)

    def module(self, name: str | None = None) -> nn.Module:
        return DropoutModule(self, name=name)


class DropoutModule(nn.Module):
    """A `Dropout` as a Flax module: x [B, ..., C]; without a key it returns x."""

    layer: Dropout

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        if not train or key is None or not self.layer.rate:
            return x
        context = Context((), train, key, {})
        y = dropped(
            jnp.moveaxis(x, (0, -1), (-1, 0)), self.layer.rate, context, whole=self.layer.maps
        )
        return jnp.moveaxis(y, (0, -1), (-1, 0))
