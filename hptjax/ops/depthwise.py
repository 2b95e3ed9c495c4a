"""Depthwise convolutions of maps [C, H, W, B], images innermost, with their gradients written out.

On CPUs kernels of our own compute them (`kernels/depthwise.cc`), elsewhere a product for each tap
(`hptjax.ops.taps`).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import native, taps
from hptjax.ops.native import MAPS
from hptjax.ops.shapes import check_depthwise
from hptjax.ops.taps import Pads


def depthwise(
    x: Array,
    w: Array,
    live: Array | None = None,
    *,
    stride: int = 1,
    padding: Pads = ((0, 0), (0, 0)),
    dilation: int = 1,
) -> Array:
    """Convolves each channel of x [C, H, W, B] by its own kernel of w [C, h, w] -> [C, H', W', B].

    live: int32 [], the channels that are more than padding, default all: beyond them all arrays
    must hold zeros, which kernels do not compute. padding: rows and columns added, (before, after)
    of each; H' = (H + sum(padding[0]) - dilation * (h - 1) - 1) // stride + 1.

    Raises: ValueError for shapes that do not belong together; where kernels compute, XLA's error
    INVALID_ARGUMENT for a number of live channels that the arrays do not have.
    """
    check_depthwise(x, w, live, stride, padding, dilation)
    if not native.take(x, w):
        return taps.depthwise(x, w, stride=stride, padding=padding, dilation=dilation)
    live = jnp.int32(x.shape[0]) if live is None else live
    (top, bottom), (left, right) = padding
    return _depthwise(x, w, live, (stride, dilation, top, bottom, left, right))


def _options(given: tuple[int, ...]) -> dict[str, int]:
    names = ("stride", "dilation", "top", "bottom", "left", "right")
    return dict(zip(names, given, strict=True))


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _depthwise(x: Array, w: Array, live: Array, options: tuple[int, ...]) -> Array:
    stride, dilation, top, bottom, left, right = options
    size = (
        (n + pad - dilation * (k - 1) - 1) // stride + 1
        for n, pad, k in zip(x.shape[1:3], (top + bottom, left + right), w.shape[1:], strict=True)
    )
    out = (x.shape[0], *size, x.shape[3])
    layouts, named = (MAPS, None, None), _options(options)
    return native.call_one("hptjax_depthwise", (x, w, live), layouts, out, MAPS, **named)


def _forward(x: Array, w: Array, live: Array, options: tuple[int, ...]):
    return _depthwise(x, w, live, options), (x, w, live)


def _backward(options: tuple[int, ...], residuals, g: Array):
    x, w, live = residuals
    of_input, of_weights = (f"hptjax_depthwise_{name}_gradient" for name in ("input", "weight"))
    one, both, named = (MAPS, None, None), (MAPS, MAPS, None), _options(options)
    dx = native.call_one(of_input, (g, w, live), one, x.shape, MAPS, **named)
    dw = native.call_one(of_weights, (g, x, live), both, w.shape, None, **named)
    return dx, dw, None


_depthwise.defvjp(_forward, _backward)
