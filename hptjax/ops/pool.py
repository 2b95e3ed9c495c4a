"""The max pool of maps [C, H, W, B], images innermost, with its gradient written out.

On CPUs kernels of our own compute it (`kernels/pool.cc`), elsewhere views of each tap
(`hptjax.ops.taps`).
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import native, taps
from hptjax.ops.native import MAPS
from hptjax.ops.shapes import check_pool
from hptjax.ops.taps import Pads


class _Windows(NamedTuple):
    """size x size pixels, every `stride`; pads: of rows, and of columns."""

    size: int
    stride: int
    pads: Pads

    def options(self) -> dict[str, int]:
        """As kernels have them."""
        (top, bottom), (left, right) = self.pads
        ends = {"top": top, "bottom": bottom, "left": left, "right": right}
        return {"size": self.size, "stride": self.stride, "dilation": 1, **ends}


def max_pool(
    x: Array, live: Array | None = None, *, size: int, stride: int, padding: Pads
) -> Array:
    """The largest number of each window of size x size pixels of x [C, H, W, B].

    What is padded is never the largest, and NaN always is. The gradient goes to the first of
    several that are largest, row by row, as in PyTorch; to none, where it is NaN. live: int32 [],
    the channels that are more than padding, default all: beyond them x must hold zeros.

    Raises: ValueError for shapes that do not belong together; where kernels compute, XLA's error
    INVALID_ARGUMENT for a number of live channels that the maps do not have.
    """
    check_pool(x, live, size, stride, padding)
    if not native.take(x):
        return taps.max_pool(x, size, stride, padding)
    live = jnp.int32(x.shape[0]) if live is None else live
    return _max_pool(x, live, _Windows(size, stride, padding))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _max_pool(x: Array, live: Array, windows: _Windows) -> Array:
    sizes = (
        (n + sum(pad) - windows.size) // windows.stride + 1
        for n, pad in zip(x.shape[1:3], windows.pads, strict=True)
    )
    out = (x.shape[0], *sizes, x.shape[3])
    options = windows.options()
    return native.call_one("hptjax_max_pool", (x, live), (MAPS, None), out, MAPS, **options)


def _forward(x: Array, live: Array, windows: _Windows):
    y = _max_pool(x, live, windows)
    return y, (x, y, live)


def _backward(windows: _Windows, residuals, g: Array):
    x, y, live = residuals
    layouts, options = (MAPS, MAPS, MAPS, None), windows.options()
    name = "hptjax_max_pool_gradient"
    return native.call_one(name, (x, y, g, live), layouts, x.shape, MAPS, **options), None


_max_pool.defvjp(_forward, _backward)
