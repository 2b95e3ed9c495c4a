"""A residual block: two convolutions beside a shortcut."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.config.geometry import same_padding
from hptjax.models.layers.base import Context, Layer, Shape, Weight
from hptjax.models.layers.conv import live_of
from hptjax.models.layers.fields import Activation
from hptjax.models.layers.modules import ExactConv
from hptjax.models.layers.norms import BATCH_NORM, BatchNorm, NormPart
from hptjax.models.layers.pieces import (
    activated,
    affine,
    inside,
    kept_conv,
    names_of,
    normed,
    normed_sum,
)
from hptjax.ops.activations import find_activation
from hptjax.ops.conv import conv, conv_and_projection
from hptjax.ops.pointwise import identity_shortcut


class Residual(Layer):
    """conv - norm - activation - conv - norm, plus a shortcut, then the activation.

    The first convolution has the stride; otherwise both keep the size. out_channels: the number of
    output maps of each convolution. kernel_size: of both convolutions, in pixels. stride: pixels
    from one window of the first convolution to the next. norm: what follows each convolution.
    activation: the function between the two convolutions, and after the sum. shortcut:
    `projection`, a 1 x 1 convolution with a norm; `identity`, every stride-th pixel of the maps,
    with missing channels filled with zeros and surplus ones cut off; `auto`, a projection in the
    first of several repeated blocks, and the identity in the others.
    """

    main: ClassVar[str | None] = "out_channels"
    widths: ClassVar[tuple[str, ...]] = ("out_channels",)
    choices: ClassVar[tuple[str, ...]] = ("activation",)
    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    out_channels: Positive
    kernel_size: Positive = 3
    stride: Positive = 1
    shortcut: Literal["auto", "projection", "identity"] = "auto"
    norm: NormPart = BATCH_NORM
    activation: Activation = "relu"

    @property
    def pads(self) -> tuple[int, int]:
        """The padding of rows, and of columns, (before, after)."""
        return same_padding(self.kernel_size)

    @property
    def projects(self) -> bool:
        """Whether the shortcut is a projection; `auto` in a single block is one."""
        return self.shortcut != "identity"

    def for_copy(self, k: int) -> "Residual":
        """Returns the block as the k-th of several in a row."""
        if self.shortcut != "auto":
            return self
        return self.bound({"shortcut": "identity" if k else "projection"})

    def summary(self) -> str:
        """See `Layer.summary`; it does not name a projection, the default."""
        plain = self.bound({"shortcut": "auto"}) if self.projects else self
        return super(Residual, plain).summary()

    def check(self, incoming: Shape) -> None:
        self.norm.options.check(self.out(incoming))

    def out(self, incoming: Shape) -> Shape:
        return self.out_channels, *((size - 1) // self.stride + 1 for size in incoming[1:])

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        before, out, k = incoming[0], self.out(incoming), self.kernel_size
        after, pixels = out[0], out[1] * out[2]
        own = affine("conv1", (after, k, k, before), k * k * before, pixels)
        own |= self._norms("norm1", "weights", out)
        own |= affine("conv2", (after, k, k, after), k * k * after, pixels)
        own |= self._norms("norm2", "weights", out)
        if self.projects:
            own |= affine("projection", (after, 1, 1, before), before, pixels)
            own |= self._norms("norm_projection", "weights", out)
        return own

    def statistics(self, incoming: Shape) -> dict[str, Weight]:
        names = ("norm1", "norm2", *(("norm_projection",) if self.projects else ()))
        out: dict[str, Weight] = {}
        for name in names:
            out |= self._norms(name, "statistics", self.out(incoming))
        return out

    def _norms(self, name: str, what: str, shape: Shape) -> dict[str, Weight]:
        return inside(name, getattr(self.norm.options, what)(shape))

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        norm, out = self.norm.options, self.out(context.incoming)
        absorbed = norm.absorbs_bias and context.train
        relu = names_of(self.activation) == ("relu",)

        def kernel(name: str) -> tuple[Array, Array | None]:
            bias = None if absorbed else weights[f"{name}.bias"]
            return weights[f"{name}.kernel"], bias

        def normal(y: Array, name: str, which: str, relu: bool = False) -> Array:
            left = {"bias": weights[f"{name}.bias"]} if absorbed else {}
            return normed(norm, y, which, out, weights, context, relu=relu, **left)

        y, shortcut = self._first(x, kernel, context)
        y = normal(y, "conv1", "norm1", relu)
        y = y if relu else context.kept(activated(y, self.activation, out[0]))
        w, b = kernel("conv2")
        live = live_of(out, out[0])
        y = kept_conv(context, conv, y, w, bias=b, live=live, padding=self.pads)
        if self.projects and relu and context.train and type(norm) is BatchNorm:
            biases = weights["conv2.bias"], weights["projection.bias"]
            names = "norm2", "norm_projection"
            return normed_sum((y, shortcut), names, biases, out, weights, context)
        y = normal(y, "conv2", "norm2")
        if self.projects:
            shortcut = normal(shortcut, "projection", "norm_projection")
        return activated(context.kept(y + shortcut), self.activation, out[0])

    def _first(self, x: Array, kernel: Any, context: Context) -> tuple[Array, Array]:
        """Returns the output of the first convolution, and the shortcut."""
        live = live_of(context.incoming, self.out_channels)
        options: dict[str, Any] = {"stride": self.stride, "padding": self.pads}
        w, b = kernel("conv1")
        if self.projects:
            p, d = kernel("projection")
            options |= {"biases": (b, d), "live": live}
            return kept_conv(context, conv_and_projection, x, w, p, **options)
        y = kept_conv(context, conv, x, w, bias=b, live=live, **options)
        # only channels of both ends pass: the gradient of others would wake dead weights
        both = jnp.minimum(live[0], live[1])
        return y, identity_shortcut(x, y.shape[0], self.stride, both)

    def module(self, name: str | None = None) -> nn.Module:
        return ResidualModule(self, name=name)


class ResidualModule(nn.Module):
    """A `Residual` at its exact shape: x [B, H, W, C]."""

    layer: Residual

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        own = self.layer
        act = find_activation(own.activation).fn

        def convolved(x: Array, name: str, size: int, stride: int) -> Array:
            pads = same_padding(size)
            return ExactConv(own.out_channels, (size, size), stride, (pads, pads), name=name)(x)

        def normal(x: Array, name: str) -> Array:
            return own.norm.options.module(name)(x, train=train)  # pyright: ignore[reportCallIssue]

        y = normal(convolved(x, "conv1", own.kernel_size, own.stride), "norm1")
        y = act(y)
        y = normal(convolved(y, "conv2", own.kernel_size, 1), "norm2")
        if own.projects:
            x = normal(convolved(x, "projection", 1, own.stride), "norm_projection")
        else:
            x = x[:, :: own.stride, :: own.stride, : own.out_channels]
            more = own.out_channels - x.shape[-1]
            x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, more)))
        return act(y + x)
