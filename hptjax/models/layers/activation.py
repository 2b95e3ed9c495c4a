"""An activation as a layer."""

from collections.abc import Mapping
from typing import ClassVar

import flax.linen as nn
from jax import Array

from hptjax.models.layers.base import Context, Infeasible, Layer, Shape
from hptjax.models.layers.fields import UnitActivation
from hptjax.models.layers.modules import finished
from hptjax.models.layers.pieces import activated
from hptjax.ops.activations import find_activation


class Activation(Layer):
    """A function of each number, by its name in the table of activations.

    function: the name.
    """

    main: ClassVar[str | None] = "function"
    choices: ClassVar[tuple[str, ...]] = ("function",)

    function: UnitActivation

    def check(self, incoming: Shape) -> None:
        if len(incoming) > 1 and find_activation(self.function).across is not None:
            raise Infeasible(f"{self.function} looks across units, but maps come in: flatten them.")

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        return activated(x, self.function, context.incoming[0])

    def module(self, name: str | None = None) -> nn.Module:
        return ActivationModule(self, name=name)


class ActivationModule(nn.Module):
    """An `Activation` as a Flax module: x [B, ..., C]."""

    layer: Activation

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        return finished(x, self.layer.function, 0.0, train=train, key=key)
