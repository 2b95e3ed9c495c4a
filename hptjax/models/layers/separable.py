"""A depthwise convolution and a 1 x 1 convolution behind it."""

from collections.abc import Mapping

import flax.linen as nn
from jax import Array

from hptjax.models.layers.base import Context, Shape, Weight
from hptjax.models.layers.conv import Conv, live_of
from hptjax.models.layers.fields import pair
from hptjax.models.layers.modules import ExactConv, finished
from hptjax.ops.conv import conv
from hptjax.ops.taps import depthwise


class Separable(Conv):
    """A convolution of each map by a kernel of its own, then a 1 x 1 convolution to out_channels.

    Its options are those of `conv`; the depthwise half has no bias, which would add nothing.
    """

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        before, out, (height, width) = incoming[0], self.out(incoming), pair(self.kernel_size)
        pixels = out[1] * out[2]
        kernel = Weight((before, height, width, 1), height * width, pixels=pixels)
        pointwise = self.bound({"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1})
        return {"depthwise.kernel": kernel} | Conv.weights(pointwise, (before, *out[1:]))

    def _convolved(
        self, x: Array, weights: Mapping[str, Array], bias: Array | None, context: Context
    ) -> Array:
        kernel = weights["depthwise.kernel"][..., 0]
        options = {"stride": self.stride, "padding": self.pads, "dilation": self.dilation}
        x = depthwise(x, kernel, **options)
        live = live_of(context.incoming, self.out_channels)
        return conv(x, weights["conv.kernel"], bias, live)

    def module(self, name: str | None = None) -> nn.Module:
        return SeparableModule(self, name=name)


class SeparableModule(nn.Module):
    """A `Separable` at its exact shape: x [B, H, W, C]."""

    layer: Separable

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        own, channels = self.layer, x.shape[-1]
        kernel = pair(own.kernel_size)
        x = ExactConv(
            channels,
            kernel,
            own.stride,
            own.pads,
            own.dilation,
            channels,
            use_bias=False,
            name="depthwise",
        )(x)
        x = ExactConv(own.out_channels, (1, 1), 1, ((0, 0), (0, 0)), name="conv")(x)
        x = own.norm.options.module("norm")(x, train=train)  # pyright: ignore[reportCallIssue]
        return finished(x, own.activation, own.dropout, train=train, key=key)
