"""The max pool of maps [C, H, W, B], images innermost, with a hand-written gradient.

On CPUs our own kernels compute it (`kernels/pool.cc`), elsewhere it is the largest of the views of
all taps (`hptjax.ops.taps`).
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
    """Returns the largest number of each window of size x size pixels of x [C, H, W, B].

    Padding is never the largest, and NaN always is. The gradient goes to the first of several
    largest numbers, row by row, as in PyTorch; it goes nowhere if the largest is NaN. live: int32
    [], the number of channels that are not padding, default all; x must hold zeros in the others.

    Raises: ValueError for shapes that do not fit together; where kernels compute, XLA's error
    INVALID_ARGUMENT for more live channels than the maps have.
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
