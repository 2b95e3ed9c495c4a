"""A linear layer, with the norm, the activation and the dropout that follow it."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.models.layers.base import Chosen, Context, Layer, Shape, Weight
from hptjax.models.layers.conv import live_of
from hptjax.models.layers.fields import Rate, UnitActivation
from hptjax.models.layers.modules import finished, torch_uniform
from hptjax.models.layers.norms import BATCH_NORM, NO_NORM, Norm, NormPart
from hptjax.models.layers.pieces import activated, affine, dropped, inside, names_of, normed
from hptjax.ops.linear import linear

_SWITCHED = (NO_NORM, BATCH_NORM)  # a norm derived from these in another package is another norm


class Linear(Layer):
    """out_features units: each is a weighted sum of all inputs, plus a bias.

    Networks of one program may differ in whether they have a batch norm; any other norm is part of
    what is compiled. out_features: the number of units. norm: what normalises the units.
    activation: the function after the norm. dropout: the share of units that is zeroed at random
    after both, in training.
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

    @classmethod
    def is_traced(cls, option: str, words: Sequence[str]) -> bool:
        """See `Layer.is_traced`; of norms, only a batch norm may be on or off."""
        return option != "norm" or set(words) <= {part.name for part in _SWITCHED}

    def static(self) -> Self:
        """See `Layer.static`; a layer without a norm also has the weights of a batch norm."""
        norm = BATCH_NORM if self.norm in _SWITCHED else self.norm
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
    def _widest(self) -> Norm:
        """Returns the norm whose weights exist: in a program's bodies, also where it is off."""
        own = self.norm.static if isinstance(self.norm, Chosen) else self.norm
        return own.options

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        x = _sums(x, weights, context, self.out_features)
        x = self._normed(x, weights, context)
        x = activated(x, self.activation, self.out_features)
        return dropped(x, self.dropout, context, self.out_features)

    def _normed(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        """Applies the norm; if only some members have one, by the traced choice."""
        norm, names = self._widest, names_of(self.norm)
        if all(part == NO_NORM for part in names):
            return x
        y = normed(norm, x, "norm", (self.out_features,), weights, context)
        if NO_NORM not in names or not isinstance(self.norm, Chosen):
            return y
        return jnp.where(self.norm.place != names.index(NO_NORM), y, x)

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
        return _sums(x, weights, context, self.out_features)

    def module(self, name: str | None = None) -> nn.Module:
        return LinearModule(Linear(out_features=self.out_features), name=name)


def _sums(x: Array, weights: Mapping[str, Array], context: Context, after: Any) -> Array:
    live = live_of(context.incoming, after)
    return linear(x, weights["linear.kernel"], weights["linear.bias"], live)


class LinearModule(nn.Module):
    """A `Linear` at its exact shape: x [B, N]."""

    layer: Linear

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        own, init = self.layer, torch_uniform(x.shape[-1])
        x = nn.Dense(own.out_features, kernel_init=init, bias_init=init, name="linear")(x)
        x = own.norm.options.module("norm")(x, train=train)  # pyright: ignore[reportCallIssue]
        return finished(x, own.activation, own.dropout, train=train, key=key)
