"""A depthwise convolution, with the norm, the activation and the dropout that follow it."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import flax.linen as nn
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.models.layers.base import Context, Layer, Shape, Weight
from hptjax.models.layers.conv import Pads, check_reach, conv_sizes, padding_of
from hptjax.models.layers.fields import Activation, Kernel, Padding, Rate, pair
from hptjax.models.layers.modules import ExactConv, finished
from hptjax.models.layers.norms import NO_NORM, NormPart
from hptjax.models.layers.pieces import affine, followed, inside
from hptjax.ops.taps import depthwise


class Depthwise(Layer):
    """A convolution of each map by a kernel of its own; there are as many maps after it.

    Its options are those of `conv`.
    """

    main: ClassVar[str | None] = "kernel_size"
    choices: ClassVar[tuple[str, ...]] = ("activation",)
    may_miss: ClassVar[tuple[str, ...]] = ("dropout",)
    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    kernel_size: Kernel = 3
    stride: Positive = 1
    padding: Padding = "same"
    dilation: Positive = 1
    norm: NormPart = NO_NORM
    activation: Activation = "none"
    dropout: Rate = 0.0

    @property
    def pads(self) -> Pads:
        """Rows and columns that are added, (before, after) of each."""
        return padding_of(pair(self.kernel_size), self.padding, self.dilation)

    def check(self, incoming: Shape) -> None:
        check_reach(self, incoming)
        self.norm.options.check(self.out(incoming))

    def out(self, incoming: Shape) -> Shape:
        return incoming[0], *conv_sizes(incoming, self.kernel_size, self)

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        out, (height, width) = self.out(incoming), pair(self.kernel_size)
        own = affine("conv", (out[0], height, width, 1), height * width, out[1] * out[2])
        return own | inside("norm", self.norm.options.weights(out))

    def statistics(self, incoming: Shape) -> dict[str, Weight]:
        return inside("norm", self.norm.options.statistics(self.out(incoming)))

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        kernel, bias = weights["conv.kernel"][..., 0], weights["conv.bias"]
        options = {"stride": self.stride, "padding": self.pads, "dilation": self.dilation}
        x = depthwise(x, kernel, **options)
        absorbed = self.norm.options.absorbs_bias and context.train
        if not absorbed:
            x = x + bias[:, None, None, None]
        out = self.out(context.incoming)
        return followed(x, self, out, weights, context, bias if absorbed else None)

    def module(self, name: str | None = None) -> nn.Module:
        return DepthwiseModule(self, name=name)


class DepthwiseModule(nn.Module):
    """A `Depthwise` at its exact shape: x [B, H, W, C]."""

    layer: Depthwise

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        own, channels = self.layer, x.shape[-1]
        kernel = pair(own.kernel_size)
        conv = ExactConv(
            channels, kernel, own.stride, own.pads, own.dilation, channels, name="conv"
        )
        x = own.norm.options.module("norm")(conv(x), train=train)  # pyright: ignore[reportCallIssue]
        return finished(x, own.activation, own.dropout, train=train, key=key)
