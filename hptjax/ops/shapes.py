"""Checks the shapes of an operation's arguments: the same checks with and without kernels.

Kernels check shapes again, and the numbers of live channels, which are data: XLA raises those
errors when the program runs.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer


def check_conv(
    x: Array,
    w: Array,
    bias: Array | None,
    live: Array | None,
    stride: int,
    pads: Sequence[Sequence[int]],
    dilation: int = 1,
) -> None:
    """Raises ValueError for impossible arguments of `ops.conv.conv`; pads: of rows, of columns."""
    given = f"got maps {x.shape}, kernel {w.shape}, {_moves(stride, pads, dilation)}"
    if x.ndim != 4:
        raise ValueError(f"maps must have the shape [C, H, W, B], {given}.")
    if w.ndim != 4 or min(w.shape[1:3]) < 1:
        raise ValueError(
            f"a kernel must have the shape [O, h, w, C] and h, w be at least 1, {given}."
        )
    if w.shape[3] != x.shape[0]:
        raise ValueError(f"a kernel must have the channels of its maps, {given}.")
    _check_moves(x.shape[1:3], w.shape[1:3], stride, pads, dilation, given)
    if bias is not None and bias.shape != w.shape[:1]:
        raise ValueError(f"the bias must be a vector [{w.shape[0]}], got {bias.shape}.")
    _check_live(live, (x.shape[0], w.shape[0]), (2,))


def check_linear(x: Array, w: Array, bias: Array, live: Array | None) -> None:
    """Raises ValueError for impossible arguments of `ops.linear.linear`."""
    given = f"got units {x.shape}, weights {w.shape}, bias {bias.shape}"
    if x.ndim != 2 or w.ndim != 2 or w.shape[1] != x.shape[0] or bias.shape != w.shape[:1]:
        raise ValueError(f"a linear layer must have x [I, B], w [O, I] and bias [O], {given}.")
    _check_live(live, (x.shape[0], w.shape[0]), (2,))


def check_depthwise(
    x: Array,
    w: Array,
    live: Array | None,
    stride: int,
    padding: Sequence[Sequence[int]],
    dilation: int,
) -> None:
    """Raises ValueError for impossible arguments of `ops.depthwise.depthwise`."""
    given = f"got maps {x.shape}, kernel {w.shape}, {_moves(stride, padding, dilation)}"
    if x.ndim != 4:
        raise ValueError(f"maps must have the shape [C, H, W, B], {given}.")
    if w.ndim != 3 or min(w.shape[1:]) < 1:
        raise ValueError(f"a kernel must have the shape [C, h, w], h and w at least 1, {given}.")
    if w.shape[0] != x.shape[0]:
        raise ValueError(f"a kernel must have the channels of its maps, {given}.")
    _check_moves(x.shape[1:3], w.shape[1:], stride, padding, dilation, given)
    _check_live(live, x.shape[:1], ())


def check_pool(
    x: Array, live: Array | None, size: int, stride: int, pads: Sequence[Sequence[int]]
) -> None:
    """Raises ValueError for impossible arguments of `ops.pool.max_pool`."""
    given = f"got maps {x.shape}, size {size}, {_moves(stride, pads, 1)}"
    if x.ndim != 4:
        raise ValueError(f"maps must have the shape [C, H, W, B], {given}.")
    if size < 1:
        raise ValueError(f"the size of a window must be at least 1, {given}.")
    _check_moves(x.shape[1:3], (size, size), stride, pads, 1, given)
    _check_live(live, x.shape[:1], ())


def check_norm(x: Array, scale: Array, shift: Array, axis: int, live: Array | None) -> None:
    """Raises ValueError for impossible arguments of `ops.norm.normalise`."""
    if not 0 <= axis < x.ndim:
        raise ValueError(f"axis must be one of the {x.ndim} axes of {x.shape}, got {axis}.")
    channels = x.shape[axis]
    for name, vector in (("scale", scale), ("shift", shift)):
        if vector.shape != (channels,):
            raise ValueError(f"{name} must be a vector [{channels}], got {vector.shape}.")
    _check_live(live, (channels,), ())


def _moves(stride: int, pads: Sequence[Sequence[int]], dilation: int) -> str:
    return f"stride {stride}, padding {tuple(map(tuple, pads))}, dilation {dilation}"


def _check_moves(
    size: Sequence[int],
    kernel: Sequence[int],
    stride: int,
    pads: Sequence[Sequence[int]],
    dilation: int,
    given: str,
) -> None:
    """size, kernel: of rows and columns; given: the end of an error's text."""
    if min(stride, dilation) < 1:
        raise ValueError(f"stride and dilation must be at least 1, {given}.")
    if [len(pad) for pad in pads] != [2, 2] or min(map(min, pads)) < 0:
        raise ValueError(f"the padding must be pairs of numbers that are not negative, {given}.")
    for pixels, pad, k in zip(size, pads, kernel, strict=True):
        if pixels + sum(pad) < dilation * (k - 1) + 1:
            raise ValueError(f"the kernel must fit into the padded maps, {given}.")


def _check_live(live: Array | None, most: Sequence[int], shape: tuple[int, ...]) -> None:
    """Checks the values only outside jit, where they are known."""
    if live is None:
        return
    if live.shape != shape or live.dtype != jnp.int32:
        raise ValueError(f"live must be int32 {shape}, got {live.dtype} {live.shape}.")
    if isinstance(live, Tracer):
        return
    counts = np.atleast_1d(np.asarray(live))
    if (counts < 0).any() or (counts > most).any():
        raise ValueError(f"live must be within 0 .. {list(most)}, got {counts.tolist()}.")
