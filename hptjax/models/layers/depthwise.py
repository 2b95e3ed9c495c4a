"""A depthwise convolution, with the norm, the activation and the dropout that follow it."""

from collections.abc import Mapping
from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Positive
from hptjax.models.layers.base import Context, Shape, Weight
from hptjax.models.layers.conv import Convolution
from hptjax.models.layers.fields import Activation, Kernel, Padding, Rate, pair
from hptjax.models.layers.modules import ExactConv
from hptjax.models.layers.norms import NO_NORM, NormPart
from hptjax.models.layers.pieces import affine, inside, read_kernel
from hptjax.ops.depthwise import depthwise


class Depthwise(Convolution):
    """Convolves each map by its own kernel; there are as many output maps as input maps.

    Its options are those of `conv`.
    """

    main: ClassVar[str | None] = "kernel_size"

    kernel_size: Kernel = 3
    stride: Positive = 1
    padding: Padding = "same"
    dilation: Positive = 1
    norm: NormPart = NO_NORM
    activation: Activation = "none"
    dropout: Rate = 0.0

    def out(self, incoming: Shape) -> Shape:
        return incoming[0], *self.sizes(incoming)

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        out, (height, width) = self.out(incoming), pair(self.kernel_size)
        own = affine("conv", (out[0], height, width, 1), height * width, out[1] * out[2])
        return own | inside("norm", self.norm.options.weights(out))

    def convolved(
        self, x: Array, weights: Mapping[str, Array], bias: Array | None, context: Context
    ) -> Array:
        kernel = read_kernel(context, weights["conv.kernel"])[..., 0]
        options = {"stride": self.stride, "padding": self.pads, "dilation": self.dilation}
        x = depthwise(x, kernel, jnp.int32(context.incoming[0]), **options)
        return context.kept(x if bias is None else x + bias[:, None, None, None])

    def exact(self, x: Array) -> Array:
        kernel, maps = pair(self.kernel_size), x.shape[-1]
        options = self.stride, self.pads, self.dilation
        return ExactConv(maps, kernel, *options, groups=maps, name="conv")(x)
