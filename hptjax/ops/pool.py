"""The max pool of maps [C, H, W, B], images innermost, with its gradient written out.

On CPUs kernels of our own compute it (`kernels/pool.cc`), elsewhere views of each tap
(`hptjax.ops.taps`).
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import native, taps
from hptjax.ops.moves import Moves, Pads
from hptjax.ops.native import MAPS
from hptjax.ops.shapes import check_pool


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
    return _max_pool(x, live, size, Moves(stride, padding))


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def _max_pool(x: Array, live: Array, size: int, moves: Moves) -> Array:
    out = (x.shape[0], *moves.sizes(x.shape, (size, size)), x.shape[3])
    layouts, options = (MAPS, None), moves.options()
    return native.call_one("hptjax_max_pool", (x, live), layouts, out, MAPS, size=size, **options)


def _forward(x: Array, live: Array, size: int, moves: Moves):
    y = _max_pool(x, live, size, moves)
    return y, (x, y, live)


def _backward(size: int, moves: Moves, residuals, g: Array):
    x, y, live = residuals
    layouts, options = (MAPS, MAPS, MAPS, None), {"size": size, **moves.options()}
    name = "hptjax_max_pool_gradient"
    return native.call_one(name, (x, y, g, live), layouts, x.shape, MAPS, **options), None


_max_pool.defvjp(_forward, _backward)
