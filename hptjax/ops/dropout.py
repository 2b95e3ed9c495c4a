"""Dropout with a traced rate, with the same draws with and without kernels.

On CPUs our own kernel draws and scales in one pass (`kernels/dropout.cc`), elsewhere XLA's
operations do.
"""

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import native


def dropout(
    x: Array, rate: Array, key: Array, whole: bool = False, live: Array | int | None = None
) -> Array:
    """Zeroes each number of x [units, B] or [C, H, W, B] with probability rate, scales the others.

    The others are divided by 1 - rate. The draw of a unit depends on its index, not on the number
    of units, so padding changes nothing. whole: make one draw for each map and image. live: the
    number of units or channels that are not padding, default all; x must hold zeros in the others.

    Raises: where kernels compute, XLA's error INVALID_ARGUMENT for more live units than x has.
    """
    if not whole and x.ndim in (2, 4) and _by_kernel(x, key):
        alive = jnp.asarray(x.shape[0] if live is None else live, jnp.int32)
        rate = jnp.asarray(rate, jnp.float32)
        return _dropout(x, rate, jax.random.key_data(key), alive)[0]
    shape = (x.shape[0], *(1,) * (x.ndim - 2), x.shape[-1]) if whole else x.shape
    keep = jax.random.uniform(key, shape, x.dtype) >= rate
    return jnp.where(keep, x / (1 - rate), 0)


def _by_kernel(x: Array, key: Array) -> bool:
    """Tells whether the kernel draws the numbers that JAX would draw with this key."""
    partitionable = jax.config.jax_threefry_partitionable  # pyright: ignore
    threefry = jax.random.key_impl(key) == "threefry2x32" and partitionable
    return bool(threefry) and native.take(x)


@jax.custom_vjp
def _dropout(x: Array, rate: Array, key: Array, live: Array) -> tuple[Array, Array]:
    """Returns the result, and 1 for each number that was kept."""
    layout = native.layout_of(x)
    out = [jax.ShapeDtypeStruct(x.shape, dtype) for dtype in (jnp.float32, jnp.uint8)]
    arrays, layouts = (x, rate, key, live), (layout, None, None, None)
    y, kept = native.call("hptjax_dropout", out, arrays, layouts, [layout] * 2)
    return y, kept


def _forward(x: Array, rate: Array, key: Array, live: Array):
    y, kept = _dropout(x, rate, key, live)
    return (y, kept), (x, rate, kept)


def _backward(residuals, given):
    (x, rate, kept), (g, _) = residuals, given
    dx = jnp.where(kept != 0, g * (1 / (1 - rate)), 0)
    return dx, (dx * x).sum() / (1 - rate), None, None


_dropout.defvjp(_forward, _backward)
