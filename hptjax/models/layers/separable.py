"""A depthwise convolution followed by a 1 x 1 convolution."""

from collections.abc import Mapping

from jax import Array

from hptjax.models.layers.base import Context, Shape, Weight
from hptjax.models.layers.conv import Conv, live_of
from hptjax.models.layers.fields import pair
from hptjax.models.layers.modules import ExactConv
from hptjax.models.layers.pieces import kept_conv, read_kernel
from hptjax.ops.conv import conv
from hptjax.ops.depthwise import depthwise


class Separable(Conv):
    """Convolves each map by its own kernel, then by a 1 x 1 convolution to out_channels.

    Its options are those of `conv`; the depthwise half has no bias, which would add nothing.
    """

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        before, out, (height, width) = incoming[0], self.out(incoming), pair(self.kernel_size)
        pixels = out[1] * out[2]
        kernel = Weight((before, height, width, 1), height * width, pixels=pixels)
        pointwise = self.bound({"kernel_size": 1, "stride": 1, "padding": 0, "dilation": 1})
        return {"depthwise.kernel": kernel} | Conv.weights(pointwise, (before, *out[1:]))

    def convolved(
        self, x: Array, weights: Mapping[str, Array], bias: Array | None, context: Context
    ) -> Array:
        kernel = read_kernel(context, weights["depthwise.kernel"])[..., 0]
        options = {"stride": self.stride, "padding": self.pads, "dilation": self.dilation}
        live = live_of(context.incoming, self.out_channels)
        x = context.kept(depthwise(x, kernel, live[0], **options))
        return kept_conv(context, conv, x, weights["conv.kernel"], bias=bias, live=live)

    def exact(self, x: Array) -> Array:
        kernel, maps = pair(self.kernel_size), x.shape[-1]
        options = self.stride, self.pads, self.dilation
        own = {"groups": maps, "use_bias": False, "name": "depthwise"}
        x = ExactConv(maps, kernel, *options, **own)(x)
        return ExactConv(self.out_channels, (1, 1), 1, ((0, 0), (0, 0)), name="conv")(x)
