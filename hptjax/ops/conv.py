"""Convolutions of maps [C, H, W, B], images innermost, with their gradients written out.

On CPUs kernels of our own compute them (`kernels/conv.cc`), elsewhere products on bands
(`hptjax.ops.bands`), which lie flat on a TPU (`hptjax.ops.flat`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import bands, flat, native
from hptjax.ops.bands import Pad, output_size
from hptjax.ops.shapes import check_conv

MAPS = native.MAPS


def conv(
    x: Array,
    w: Array,
    bias: Array | None = None,
    live: Array | None = None,
    *,
    stride: int = 1,
    padding: Pad = (0, 0),
    input_grad: bool = True,
) -> Array:
    """Convolves each image with one kernel: x [C, H, W, B], w [O, k, k, C] -> [O, H', W', B].

    bias: [O], default none. live: int32 [2], the channels of x and of the result that are more than
    padding, default all: beyond them all arrays must hold zeros, which kernels do not compute.
    padding: rows and columns added (before, after); H' = (H + sum(padding) - k) // stride + 1.
    input_grad=False leaves the gradient of x out (zeros): the first layer needs none.

    Raises: ValueError for shapes that do not belong together; where kernels compute, XLA's error
    INVALID_ARGUMENT for numbers of live channels that the arrays do not have.
    """
    check_conv(x, w, bias, live, stride, padding)
    return _conv(x, w, _bias(w, bias), _live(w, live), stride, padding, input_grad)


def conv_and_projection(
    x: Array,
    w: Array,
    p: Array,
    biases: tuple[Array | None, Array | None] = (None, None),
    live: Array | None = None,
    *,
    stride: int = 1,
    padding: Pad = (0, 0),
) -> tuple[Array, Array]:
    """`conv` by w, and by the 1 x 1 kernel p [O, 1, 1, C] without padding, of the same maps.

    One pass adds up what both pass back. Both results must have one size. Raises as `conv` does.
    """
    check_conv(x, w, biases[0], live, stride, padding)
    check_conv(x, p, biases[1], live, stride, (0, 0))
    sizes = (
        output_size(x.shape, w.shape[1], stride, padding),
        output_size(x.shape, 1, stride, (0, 0)),
    )
    if p.shape[1] != 1 or p.shape[0] != w.shape[0] or sizes[0] != sizes[1]:
        raise ValueError(
            "the results of a kernel and its projection must have one shape, "
            f"got {w.shape[:1] + sizes[0]} and {p.shape[:1] + sizes[1]} by a {p.shape} projection."
        )
    b, c = _bias(w, biases[0]), _bias(p, biases[1])
    return _both(x, w, b, p, c, _live(w, live), stride, padding)


def _bias(w: Array, bias: Array | None) -> Array:
    return jnp.zeros(w.shape[0], w.dtype) if bias is None else bias


def _live(w: Array, live: Array | None) -> Array:
    return jnp.array([w.shape[3], w.shape[0]], jnp.int32) if live is None else live


@partial(jax.custom_vjp, nondiff_argnums=(4, 5, 6))
def _conv(
    x: Array, w: Array, b: Array, live: Array, stride: int, pad: Pad, input_grad: bool
) -> Array:
    if not native.take(x, w, b):
        options = stride, pad, input_grad
        return _products(x, w, *options).convolve(x, w, *options) + b[:, None, None, None]
    out = (w.shape[0], *output_size(x.shape, w.shape[1], stride, pad), x.shape[3])
    layouts, options = (MAPS, None, None, None), _options(stride, pad)
    return native.call_one("hptjax_conv", (x, w, b, live), layouts, out, MAPS, **options)


def _conv_forward(
    x: Array, w: Array, b: Array, live: Array, stride: int, pad: Pad, input_grad: bool
):
    return _conv(x, w, b, live, stride, pad, input_grad), (x, w, live)


def _conv_backward(stride: int, pad: Pad, input_grad: bool, residuals, g: Array):
    x, w, live = residuals
    if not native.take(x, w, g):
        options = stride, pad, input_grad
        dx, dw = _products(x, w, *options).gradients(x, w, g, *options)
        return dx, dw, g.sum((1, 2, 3)), None
    dx = jnp.zeros_like(x)
    if input_grad:
        dx = _input_gradient("hptjax_conv_input_gradient", x, (g, w), live, stride, pad)
    return dx, *_weight_gradients(x, w, g, live, stride, pad), None


_conv.defvjp(_conv_forward, _conv_backward)


@partial(jax.custom_vjp, nondiff_argnums=(6, 7))
def _both(
    x: Array, w: Array, b: Array, p: Array, c: Array, live: Array, stride: int, pad: Pad
) -> tuple[Array, Array]:
    y = conv(x, w, b, live, stride=stride, padding=pad)
    return y, conv(x, p, c, live, stride=stride)


def _both_forward(
    x: Array, w: Array, b: Array, p: Array, c: Array, live: Array, stride: int, pad: Pad
):
    return _both(x, w, b, p, c, live, stride, pad), (x, w, p, live)


def _both_backward(stride: int, pad: Pad, residuals, cotangents):
    x, w, p, live = residuals
    g, h = cotangents
    if not native.take(x, w, g):
        main, side = (stride, pad, True), (stride, (0, 0), True)
        dx, dw = _products(x, w, *main).gradients(x, w, g, *main)
        more, dp = _products(x, p, *side).gradients(x, p, h, *side)
        return dx + more, dw, g.sum((1, 2, 3)), dp, h.sum((1, 2, 3)), None
    target = "hptjax_conv_input_gradient_of_both"
    return (
        _input_gradient(target, x, (g, w, h, p), live, stride, pad),
        *_weight_gradients(x, w, g, live, stride, pad),
        *_weight_gradients(x, p, h, live, stride, (0, 0)),
        None,
    )


_both.defvjp(_both_forward, _both_backward)


def _products(x: Array, w: Array, stride: int, pad: Pad, input_grad: bool) -> Any:
    """The module whose products compute a convolution where no kernels do."""
    return flat if native.for_tpu() and flat.fits(x, w, stride, pad, input_grad) else bands


def _input_gradient(
    target: str, x: Array, pairs: Sequence[Array], live: Array, stride: int, pad: Pad
) -> Array:
    """pairs: gradients of results, each with the kernel it belongs to."""
    layouts = [MAPS, None] * (len(pairs) // 2) + [None]
    return native.call_one(target, (*pairs, live), layouts, x.shape, MAPS, **_options(stride, pad))


def _weight_gradients(
    x: Array, w: Array, g: Array, live: Array, stride: int, pad: Pad
) -> tuple[Array, Array]:
    """Of a kernel and its bias; XLA leaves out what nobody reads."""
    layouts, options = (MAPS, MAPS, None), _options(stride, pad)
    names = "hptjax_conv_weight_gradient", "hptjax_conv_bias_gradient"
    dw = native.call_one(names[0], (g, x, live), layouts, w.shape, None, **options)
    return dw, native.call_one(names[1], (g, live), (MAPS, None), w.shape[:1], None)


def _options(stride: int, pad: Pad) -> dict[str, int]:
    return {"stride": stride, "pad": pad[0], "pad_after": pad[1]}
