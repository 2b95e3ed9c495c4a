"""A convolution, with the norm, the activation and the dropout that follow it."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.config.geometry import conv_size, same_padding
from hptjax.models.layers.base import Context, Infeasible, Layer, Shape, Weight
from hptjax.models.layers.fields import Activation, Kernel, Padding, Rate, pair
from hptjax.models.layers.modules import ExactConv, finished
from hptjax.models.layers.norms import NO_NORM, NormPart
from hptjax.models.layers.pieces import affine, followed, inside, kept_conv
from hptjax.ops.conv import conv
from hptjax.ops.moves import Pads


class Convolution(Layer):
    """The base of all convolutions: their windows, and the parts that follow them.

    A subclass declares the fields below, with out_channels first if it has them. kernel_size: size
    of a window in pixels, one number or [height, width]. stride: pixels from one window to the
    next. padding: pixels on each side, or `same`: at stride 1 the maps keep their size (an even
    kernel pads one more after). dilation: pixels from one tap of the kernel to the next. norm: what
    normalises the output maps. activation: the function after the norm. dropout: the share of
    numbers that is zeroed at random after both, in training.
    """

    choices: ClassVar[tuple[str, ...]] = ("activation",)
    may_miss: ClassVar[tuple[str, ...]] = ("dropout",)
    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    if TYPE_CHECKING:
        kernel_size: Kernel
        stride: Positive
        padding: Padding
        dilation: Positive
        norm: NormPart
        activation: Activation
        dropout: Rate

    @property
    def pads(self) -> Pads:
        """The rows and the columns of padding, (before, after) each."""
        return padding_of(pair(self.kernel_size), self.padding, self.dilation)

    def static(self) -> Self:
        """See `Layer.static`; padding is counted in pixels, however it is written."""
        own = super().static()
        same = own.bound({"padding": "same"})
        return same if same.pads == own.pads else own

    def check(self, incoming: Shape) -> None:
        sizes = zip(incoming[1:], pair(self.kernel_size), self.pads, strict=True)
        for size, kernel, pads in sizes:
            reach = self.dilation * (kernel - 1) + 1
            if size + sum(pads) < reach:
                raise Infeasible(
                    f"its kernel reaches over {reach} pixels, more than the {size} of the maps and "
                    f"{sum(pads)} of padding: lower kernel_size or use padding 'same'."
                )
        self.norm.options.check(self.out(incoming))

    def sizes(self, incoming: Shape) -> tuple[int, int]:
        """Returns the height and width of the output maps."""
        reach = (self.dilation * (size - 1) + 1 for size in pair(self.kernel_size))
        height, width = (
            conv_size(size, own, self.stride, pads)
            for size, own, pads in zip(incoming[1:], reach, self.pads, strict=True)
        )
        return height, width

    def statistics(self, incoming: Shape) -> dict[str, Weight]:
        return inside("norm", self.norm.options.statistics(self.out(incoming)))

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        bias = weights["conv.bias"]
        absorbed = self.norm.options.absorbs_bias and context.train
        x = self.convolved(x, weights, None if absorbed else bias, context)
        out = self.out(context.incoming)
        return followed(x, self, out, weights, context, bias if absorbed else None)

    @abstractmethod
    def convolved(
        self, x: Array, weights: Mapping[str, Array], bias: Array | None, context: Context
    ) -> Array:
        """Convolves x; bias: [O], None if the norm after it takes the bias."""

    @abstractmethod
    def exact(self, x: Array) -> Array:
        """Convolves x [B, H, W, C] by submodules of the calling `ConvModule`."""

    def module(self, name: str | None = None) -> nn.Module:
        return ConvModule(self, name=name)


class ConvModule(nn.Module):
    """A convolution at its exact shape: x [B, H, W, C]."""

    layer: Convolution

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        own = self.layer
        norm = own.norm.options.module("norm")
        x = norm(own.exact(x), train=train)  # pyright: ignore[reportCallIssue]
        return finished(x, own.activation, own.dropout, train=train, key=key)


class Conv(Convolution):
    """A convolution of maps: out_channels kernels of kernel_size pixels, moved by `stride` pixels.

    norm, activation, dropout follow it, in this order. out_channels: the number of output maps.
    kernel_size: one number, or [height, width]. padding: pixels on each side, or `same`: at stride
    1 the maps keep their size (an even kernel pads one more after). dilation: pixels from one tap
    of the kernel to the next.
    """

    main: ClassVar[str | None] = "out_channels"
    widths: ClassVar[tuple[str, ...]] = ("out_channels",)

    out_channels: Positive
    kernel_size: Kernel = 3
    stride: Positive = 1
    padding: Padding = "same"
    dilation: Positive = 1
    norm: NormPart = NO_NORM
    activation: Activation = "none"
    dropout: Rate = 0.0

    def out(self, incoming: Shape) -> Shape:
        return self.out_channels, *self.sizes(incoming)

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        out = self.out(incoming)
        kernel = (*pair(self.kernel_size), incoming[0])
        own = affine("conv", (out[0], *kernel), kernel[0] * kernel[1] * kernel[2], out[1] * out[2])
        return own | inside("norm", self.norm.options.weights(out))

    def convolved(
        self, x: Array, weights: Mapping[str, Array], bias: Array | None, context: Context
    ) -> Array:
        live = live_of(context.incoming, self.out_channels)
        options = {"stride": self.stride, "padding": self.pads, "dilation": self.dilation}
        kernel = weights["conv.kernel"]
        options["input_grad"] = not context.first
        return kept_conv(context, conv, x, kernel, bias=bias, live=live, **options)

    def exact(self, x: Array) -> Array:
        return ExactConv(
            self.out_channels,
            pair(self.kernel_size),
            self.stride,
            self.pads,
            self.dilation,
            name="conv",
        )(x)


def padding_of(kernel: tuple[int, int], padding: int | str, dilation: int = 1) -> Pads:
    """Returns the rows and the columns of padding, (before, after) each, for a kernel."""
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    rows, columns = (same_padding(dilation * (size - 1) + 1) for size in kernel)
    return rows, columns


def live_of(incoming: Shape, after: Any) -> Array:
    """Returns the numbers of channels that are not padding, before and after a convolution."""
    return jnp.stack([jnp.int32(incoming[0]), jnp.int32(after)])
