"""Depthwise convolutions of maps [C, H, W, B], images innermost, with hand-written gradients.

On CPUs our own kernels compute them (`kernels/depthwise.cc`), elsewhere one product for each tap
(`hptjax.ops.taps`).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import native, taps
from hptjax.ops.moves import Moves, Pads
from hptjax.ops.native import MAPS
from hptjax.ops.shapes import check_depthwise


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

    live: int32 [], the number of channels that are not padding, default all. All arrays must hold
    zeros in the other channels; kernels do not compute these. padding: the rows and the columns to
    add, a pair (before, after) each; H' = (H + sum(padding[0]) - dilation * (h - 1) - 1) // stride
    + 1.

    Raises: ValueError for shapes that do not fit together; where kernels compute, XLA's error
    INVALID_ARGUMENT for more live channels than the arrays have.
    """
    check_depthwise(x, w, live, stride, padding, dilation)
    if not native.take(x, w):
        return taps.depthwise(x, w, stride=stride, padding=padding, dilation=dilation)
    live = jnp.int32(x.shape[0]) if live is None else live
    (top, bottom), (left, right) = padding  # tuples: compiled programs are looked up by them
    return _depthwise(x, w, live, Moves(stride, ((top, bottom), (left, right)), dilation))


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def _depthwise(x: Array, w: Array, live: Array, moves: Moves) -> Array:
    out = (x.shape[0], *moves.sizes(x.shape, w.shape[1:]), x.shape[3])
    layouts, options = (MAPS, None, None), moves.options()
    return native.call_one("hptjax_depthwise", (x, w, live), layouts, out, MAPS, **options)


def _forward(x: Array, w: Array, live: Array, moves: Moves):
    return _depthwise(x, w, live, moves), (x, w, live)


def _backward(moves: Moves, residuals, g: Array):
    x, w, live = residuals
    of_input, of_weights = (f"hptjax_depthwise_{name}_gradient" for name in ("input", "weight"))
    one, both, options = (MAPS, None, None), (MAPS, MAPS, None), moves.options()
    dx = native.call_one(of_input, (g, w, live), one, x.shape, MAPS, **options)
    dw = native.call_one(of_weights, (g, x, live), both, w.shape, None, **options)
    return dx, dw, None


_depthwise.defvjp(_forward, _backward)
