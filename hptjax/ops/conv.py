"""Convolutions of maps [C, H, W, B], images innermost, with hand-written gradients.

On CPUs our own kernels compute them (`kernels/conv.cc`). Elsewhere they are products on bands
(`hptjax.ops.bands`), on a TPU products on flat bands (`hptjax.ops.flat`); oblong and dilated
kernels are then one product for each tap (`hptjax.ops.taps`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from jax import Array, lax

from hptjax.ops import bands, flat, native, stored, taps
from hptjax.ops.moves import Moves, Pad, Pads
from hptjax.ops.shapes import check_conv

MAPS = native.MAPS
Padding: TypeAlias = Pad | Pads


def conv(
    x: Array,
    w: Array,
    bias: Array | None = None,
    live: Array | None = None,
    *,
    stride: int = 1,
    padding: Padding = (0, 0),
    dilation: int = 1,
    input_grad: bool = True,
) -> Array:
    """Convolves each image with one kernel: x [C, H, W, B], w [O, h, w, C] -> [O, H', W', B].

    bias: [O], default none. live: int32 [2], the numbers of channels of x and of the result that
    are not padding, default all. All arrays must hold zeros in the other channels; kernels do not
    compute these. padding: (before, after), the rows and columns to add, or one such pair for rows
    and one for columns; H' = (H + sum(padding) - dilation * (h - 1) - 1) // stride + 1.
    input_grad=False gives zeros for the gradient of x: the first layer needs none. x may be
    bfloat16 where no kernels compute: products then have operands of bfloat16, the result and the
    gradient of x are bfloat16, and the gradients of w and bias are float32.

    Raises: ValueError for shapes that do not fit together; where kernels compute, XLA's error
    INVALID_ARGUMENT for more live channels than the arrays have.
    """
    moves = Moves(stride, _of_each(padding), dilation)
    check_conv(x, w, bias, live, *moves)
    if not native.take(x, w):
        if w.shape[1] != w.shape[2] or dilation > 1:
            x = x if input_grad else lax.stop_gradient(x)
            own = w if x.dtype == w.dtype else stored.kernel(w)
            options = {"stride": stride, "padding": moves.pads, "dilation": dilation}
            y = taps.convolve(x.astype(w.dtype), own, **options)
            return (y if bias is None else y + bias[:, None, None, None]).astype(x.dtype)
        rows, columns = moves.pads
        if rows != columns:  # bands pad rows and columns alike
            x = jnp.pad(x, ((0, 0), rows, columns, (0, 0)))
            moves = Moves(stride, ((0, 0), (0, 0)))
    return _conv(x, w, _bias(w, bias), _live(w, live), moves, input_grad)


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
    """Convolves x by a square kernel w, and by a 1 x 1 kernel p [O, 1, 1, C] without padding.

    Returns both results, which must have one shape. The backward pass adds up both gradients of x
    in one go. padding: for rows and columns alike. Raises the errors of `conv`.
    """
    moves = Moves(stride, _of_each(padding))
    check_conv(x, w, biases[0], live, *moves)
    check_conv(x, p, biases[1], live, *_beside(moves))
    sizes = moves.sizes(x.shape, w.shape[1:3]), _beside(moves).sizes(x.shape, (1, 1))
    if p.shape[1] != 1 or p.shape[0] != w.shape[0] or sizes[0] != sizes[1]:
        raise ValueError(
            "the results of a kernel and its projection must have one shape, "
            f"got {w.shape[:1] + sizes[0]} and {p.shape[:1] + sizes[1]} by a {p.shape} projection."
        )
    if w.shape[1] != w.shape[2]:
        raise ValueError(f"a kernel beside a projection must be square, got {w.shape}.")
    b, c = _bias(w, biases[0]), _bias(p, biases[1])
    return _both(x, w, b, p, c, _live(w, live), moves)


def _of_each(padding: Padding) -> Pads:
    """Returns the padding of rows and of columns; one pair holds for both."""
    if any(isinstance(pad, int) for pad in padding):
        return padding, padding  # pyright: ignore[reportReturnType]
    return tuple(map(tuple, padding))  # pyright: ignore


def _beside(moves: Moves) -> Moves:
    """Returns the moves of the projection beside a convolution."""
    return Moves(moves.stride, ((0, 0), (0, 0)))


def _bias(w: Array, bias: Array | None) -> Array:
    return jnp.zeros(w.shape[0], w.dtype) if bias is None else bias


def _live(w: Array, live: Array | None) -> Array:
    return jnp.array([w.shape[3], w.shape[0]], jnp.int32) if live is None else live


@partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _conv(x: Array, w: Array, b: Array, live: Array, moves: Moves, input_grad: bool) -> Array:
    if not native.take(x, w, b):
        way, options = _products(x, w, moves, input_grad)
        y = way.convolve(x, w.astype(x.dtype), *options)
        return (y.astype(b.dtype) + b[:, None, None, None]).astype(x.dtype)
    out = (w.shape[0], *moves.sizes(x.shape, w.shape[1:3]), x.shape[3])
    layouts = (MAPS, None, None, None)
    return native.call_one("hptjax_conv", (x, w, b, live), layouts, out, MAPS, **moves.options())


def _conv_forward(x: Array, w: Array, b: Array, live: Array, moves: Moves, input_grad: bool):
    return _conv(x, w, b, live, moves, input_grad), (x, w, live)


def _conv_backward(moves: Moves, input_grad: bool, residuals, g: Array):
    x, w, live = residuals
    if not native.take(x, w, g):
        way, options = _products(x, w, moves, input_grad)
        dx, dw = way.gradients(x, w.astype(x.dtype), g, *options)
        return dx.astype(x.dtype), dw, _sum(g), None
    dx = jnp.zeros_like(x)
    if input_grad:
        dx = _input_gradient("hptjax_conv_input_gradient", x, (g, w), live, moves)
    return dx, *_weight_gradients(x, w, g, live, moves), None


_conv.defvjp(_conv_forward, _conv_backward)


@partial(jax.custom_vjp, nondiff_argnums=(6,))
def _both(
    x: Array, w: Array, b: Array, p: Array, c: Array, live: Array, moves: Moves
) -> tuple[Array, Array]:
    return _conv(x, w, b, live, moves, True), _conv(x, p, c, live, _beside(moves), True)


def _both_forward(x: Array, w: Array, b: Array, p: Array, c: Array, live: Array, moves: Moves):
    return _both(x, w, b, p, c, live, moves), (x, w, p, live)


def _both_backward(moves: Moves, residuals, cotangents):
    x, w, p, live = residuals
    g, h = cotangents
    if not native.take(x, w, g):
        way, options = _products(x, w, moves, True)
        dx, dw = way.gradients(x, w.astype(x.dtype), g, *options)
        way, options = _products(x, p, _beside(moves), True)
        more, dp = way.gradients(x, p.astype(x.dtype), h, *options)
        dx = (dx.astype(jnp.float32) + more.astype(jnp.float32)).astype(x.dtype)
        return dx, dw, _sum(g), dp, _sum(h), None
    target = "hptjax_conv_input_gradient_of_both"
    return (
        _input_gradient(target, x, (g, w, h, p), live, moves),
        *_weight_gradients(x, w, g, live, moves),
        *_weight_gradients(x, p, h, live, _beside(moves)),
        None,
    )


_both.defvjp(_both_forward, _both_backward)


def _sum(g: Array) -> Array:
    return g.sum((1, 2, 3), dtype=jnp.float32)


def _products(x: Array, w: Array, moves: Moves, input_grad: bool) -> tuple[Any, tuple]:
    """Returns the module that computes a convolution without kernels, and its arguments.

    w: a square kernel; moves: without dilation, with rows and columns padded alike.
    """
    options = moves.stride, moves.pads[0], input_grad
    return (flat if native.for_tpu() and flat.fits(x, w, *options) else bands), options


def _input_gradient(
    target: str, x: Array, pairs: Sequence[Array], live: Array, moves: Moves
) -> Array:
    """pairs: gradients of results, each with its kernel."""
    layouts = [MAPS, None] * (len(pairs) // 2) + [None]
    return native.call_one(target, (*pairs, live), layouts, x.shape, MAPS, **moves.options())


def _weight_gradients(
    x: Array, w: Array, g: Array, live: Array, moves: Moves
) -> tuple[Array, Array]:
    """Returns the gradients of a kernel and its bias; XLA drops a gradient that nothing reads."""
    layouts, options = (MAPS, MAPS, None), moves.options()
    names = "hptjax_conv_weight_gradient", "hptjax_conv_bias_gradient"
    dw = native.call_one(names[0], (g, x, live), layouts, w.shape, None, **options)
    return dw, native.call_one(names[1], (g, live), (MAPS, None), w.shape[:1], None)
