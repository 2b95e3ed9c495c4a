"""A convolution, with the norm, the activation and the dropout that follow it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.config.geometry import conv_size, same_padding
from hptjax.models.layers.base import Context, Infeasible, Layer, Shape, Weight
from hptjax.models.layers.fields import Activation, Kernel, Padding, Rate, pair
from hptjax.models.layers.modules import ExactConv, finished
from hptjax.models.layers.norms import NO_NORM, NormPart
from hptjax.models.layers.pieces import affine, followed, inside
from hptjax.ops.conv import conv
from hptjax.ops.taps import Pads, convolve


class Conv(Layer):
    """A convolution of maps: out_channels kernels of kernel_size, each `stride` pixels.

    kernel_size: one number, or [height, width]. padding: pixels on each side, or `same`: at stride
    1 the maps keep their size (an even kernel pads one more after). dilation: pixels from one tap
    of the kernel to the next. norm, activation, dropout follow it, in this order.
    """

    main: ClassVar[str | None] = "out_channels"
    widths: ClassVar[tuple[str, ...]] = ("out_channels",)
    choices: ClassVar[tuple[str, ...]] = ("activation",)
    may_miss: ClassVar[tuple[str, ...]] = ("dropout",)
    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    out_channels: Positive
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
        return self.out_channels, *conv_sizes(incoming, self.kernel_size, self)

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        out = self.out(incoming)
        kernel = (*pair(self.kernel_size), incoming[0])
        own = affine("conv", (out[0], *kernel), kernel[0] * kernel[1] * kernel[2], out[1] * out[2])
        return own | inside("norm", self.norm.options.weights(out))

    def statistics(self, incoming: Shape) -> dict[str, Weight]:
        return inside("norm", self.norm.options.statistics(self.out(incoming)))

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        bias = weights["conv.bias"]
        absorbed = self.norm.options.absorbs_bias and context.train
        x = self._convolved(x, weights, None if absorbed else bias, context)
        out = self.out(context.incoming)
        return followed(x, self, out, weights, context, bias if absorbed else None)

    def _convolved(
        self, x: Array, weights: Mapping[str, Array], bias: Array | None, context: Context
    ) -> Array:
        kernel, (before, after) = weights["conv.kernel"], self.pads
        if kernel.shape[1] == kernel.shape[2] and self.dilation == 1 and before == after:
            live = live_of(context.incoming, self.out_channels)
            options = {"stride": self.stride, "padding": before}
            return conv(x, kernel, bias, live, **options, input_grad=not context.first)
        x = convolve(x, kernel, stride=self.stride, padding=self.pads, dilation=self.dilation)
        return x if bias is None else x + bias[:, None, None, None]

    def module(self, name: str | None = None) -> nn.Module:
        return ConvModule(self, name=name)


class ConvModule(nn.Module):
    """A `Conv` at its exact shape: x [B, H, W, C]."""

    layer: Conv

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        own = self.layer
        x = ExactConv(
            own.out_channels,
            pair(own.kernel_size),
            own.stride,
            own.pads,
            own.dilation,
            name="conv",
        )(x)
        x = own.norm.options.module("norm")(x, train=train)  # pyright: ignore[reportCallIssue]
        return finished(x, own.activation, own.dropout, train=train, key=key)


def padding_of(kernel: tuple[int, int], padding: int | str, dilation: int = 1) -> Pads:
    """Rows and columns that are added, (before, after) of each, for a kernel."""
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    rows, columns = (same_padding(dilation * (size - 1) + 1) for size in kernel)
    return rows, columns


def check_reach(layer: Any, incoming: Shape) -> None:
    """Raises Infeasible where the maps are smaller than the kernel of a convolution."""
    sizes = zip(incoming[1:], pair(layer.kernel_size), layer.pads, strict=True)
    for size, kernel, pads in sizes:
        reach = layer.dilation * (kernel - 1) + 1
        if size + sum(pads) < reach:
            raise Infeasible(
                f"its kernel reaches over {reach} pixels, more than the {size} of the maps and "
                f"{sum(pads)} of padding: lower kernel_size or use padding 'same'."
            )


def conv_sizes(incoming: Shape, kernel_size: Any, layer: Any) -> tuple[int, int]:
    """Height and width of the maps that a convolution gives."""
    reach = (layer.dilation * (size - 1) + 1 for size in pair(kernel_size))
    height, width = (
        conv_size(size, own, layer.stride, pads)
        for size, own, pads in zip(incoming[1:], reach, layer.pads, strict=True)
    )
    return height, width


def live_of(incoming: Shape, after: Any) -> Array:
    """The channels that are more than padding, before and after a convolution."""
    return jnp.stack([jnp.int32(incoming[0]), jnp.int32(after)])
