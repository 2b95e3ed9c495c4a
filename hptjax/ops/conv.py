"""Convolution of maps [C, H, W, B], images innermost, with its gradients written out.

On CPUs kernels of our own compute it (`kernels/conv.cc`), elsewhere products on bands
(`hptjax.ops.bands`).
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import bands, native
from hptjax.ops.bands import Pad, output_size


def conv(
    x: Array, w: Array, *, stride: int = 1, padding: Pad = (0, 0), input_grad: bool = True
) -> Array:
    """Convolves each image with one kernel: x [C, H, W, B], w [O, k, k, C] -> [O, H', W', B].

    padding: rows and columns added (before, after); H' = (H + sum(padding) - k) // stride + 1.
    input_grad=False leaves the gradient of x out (zeros): the first layer needs none.
    """
    return _conv(x, w, stride, padding, input_grad)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool) -> Array:
    def kernel(x: Array, w: Array) -> Array:
        out = (w.shape[0], *output_size(x.shape, w.shape[1], stride, pad), x.shape[3])
        return _call("hptjax_conv", (x, w), (native.MAPS, None), out, native.MAPS, stride, pad)

    def other(x: Array, w: Array) -> Array:
        return bands.convolve(x, w, stride, pad, input_grad)

    return native.on_cpu(kernel, other, x, w)


def _conv_forward(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool):
    return _conv(x, w, stride, pad, input_grad), (x, w)


def _conv_backward(stride: int, pad: Pad, input_grad: bool, residuals, g: Array):
    maps = native.MAPS

    def kernel(x: Array, w: Array, g: Array) -> tuple[Array, Array]:
        name, of_maps = "hptjax_conv_weight_gradient", (maps, maps)
        dw = _call(name, (g, x), of_maps, w.shape, None, stride, pad)
        if not input_grad:
            return jnp.zeros_like(x), dw
        name, of_both = "hptjax_conv_input_gradient", (maps, None)
        return _call(name, (g, w), of_both, x.shape, maps, stride, pad), dw

    def other(x: Array, w: Array, g: Array) -> tuple[Array, Array]:
        return bands.gradients(x, w, g, stride, pad, input_grad)

    return native.on_cpu(kernel, other, *residuals, g)


_conv.defvjp(_conv_forward, _conv_backward)


def _call(
    target: str,
    arrays: tuple[Array, Array],
    layouts: tuple[Any, Any],
    out: tuple[int, ...],
    to: Any,
    stride: int,
    pad: Pad,
) -> Array:
    shape = jax.ShapeDtypeStruct(out, jnp.float32)
    return native.call(target, shape, arrays, layouts, to, stride=stride, pad=pad[0])
