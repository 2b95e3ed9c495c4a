"""A linear layer, with the norm, the activation and the dropout that follow it."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Literal, Self

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.models.layers.base import Context, Layer, Shape, Weight
from hptjax.models.layers.fields import Rate, UnitActivation
from hptjax.models.layers.modules import finished, torch_uniform
from hptjax.models.layers.norms import BATCH_NORM, NO_NORM, BatchNorm, NoNorm, NormPart
from hptjax.models.layers.pieces import activated, affine, dropped, inside, names_of, normed

_SWITCHED = (NoNorm, BatchNorm)


class Linear(Layer):
    """out_features units, each a weighted sum of all that come in, and a bias.

    norm, activation, dropout follow it, in this order. Whether there is a batch norm may differ
    between the networks of one program; any other norm is part of what is compiled.
    """

    main: ClassVar[str | None] = "out_features"
    widths: ClassVar[tuple[str, ...]] = ("out_features",)
    choices: ClassVar[tuple[str, ...]] = ("norm", "activation")
    may_miss: ClassVar[tuple[str, ...]] = ("dropout",)
    takes: ClassVar[Literal["maps", "units", "any"]] = "units"

    out_features: Positive
    norm: NormPart = NO_NORM
    activation: UnitActivation = "none"
    dropout: Rate = 0.0

    def static(self) -> Self:
        """As of any layer; one without a norm has the weights of a batch norm beside its own."""
        norm = BATCH_NORM if isinstance(self.norm.options, _SWITCHED) else self.norm
        return super().static().bound({"norm": norm})

    def check(self, incoming: Shape) -> None:
        self.norm.options.check(self.out(incoming))

    def out(self, incoming: Shape) -> Shape:
        return (self.out_features,)

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        out = self.out(incoming)
        own = affine("linear", (*out, *incoming), incoming[0], 1)
        return own | inside("norm", self._widest.weights(out))

    def statistics(self, incoming: Shape) -> dict[str, Weight]:
        return inside("norm", self._widest.statistics(self.out(incoming)))

    @property
    def _widest(self) -> Any:
        """The norm that has weights: of an own network its own; in a program that of all."""
        norms = [part.options for part in names_of(self.norm)]
        switched = all(isinstance(norm, _SWITCHED) for norm in norms)
        return BatchNorm() if switched else norms[0]

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        kernel = weights["linear.kernel"]
        x = kernel @ x + weights["linear.bias"][:, None]
        x = self._normed(x, weights, context)
        x = activated(x, self.activation, self.out_features)
        return dropped(x, self.dropout, context)

    def _normed(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        kinds = [part.options for part in names_of(self.norm)]
        normal = partial(normed, name="norm", shape=(self.out_features,), weights=weights)
        real = [norm for norm in kinds if not isinstance(norm, NoNorm)]
        if not real:
            return x
        y = normal(real[0], x, context=context)
        if len(kinds) == len(real):
            return y
        chosen: Any = self.norm
        has_norm = chosen.index == kinds.index(real[0])
        return jnp.where(has_norm, y, x)

    def module(self, name: str | None = None) -> nn.Module:
        return LinearModule(self, name=name)


class Head(Layer):
    """The last layer: one unit for each output that the task asks for, and nothing after it.

    out_features: follows from the data.
    """

    widths: ClassVar[tuple[str, ...]] = ("out_features",)
    takes: ClassVar[Literal["maps", "units", "any"]] = "units"

    out_features: Positive = 1

    def out(self, incoming: Shape) -> Shape:
        return (self.out_features,)

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        return affine("linear", (self.out_features, *incoming), incoming[0], 1)

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        return weights["linear.kernel"] @ x + weights["linear.bias"][:, None]

    def module(self, name: str | None = None) -> nn.Module:
        return LinearModule(Linear(out_features=self.out_features), name=name)


class LinearModule(nn.Module):
    """A `Linear` at its exact shape: x [B, N]."""

    layer: Linear

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        own, init = self.layer, torch_uniform(x.shape[-1])
        x = nn.Dense(own.out_features, kernel_init=init, bias_init=init, name="linear")(x)
        x = own.norm.options.module("norm")(x, train=train)  # pyright: ignore[reportCallIssue]
        return finished(x, own.activation, own.dropout, train=train, key=key)
