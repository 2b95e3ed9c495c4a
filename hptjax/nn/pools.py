"""Pools of images [B, H, W, C], with the signatures of Flax's pools."""

from collections.abc import Sequence

import flax.linen as nn
from jax import Array, lax

from hptjax.errors import ConfigError
from hptjax.nn.layout import images, maps
from hptjax.ops import pool
from hptjax.ops.pointwise import average_pool

Padding = str | Sequence[tuple[int, int]]


def max_pool(
    x: Array,
    window_shape: tuple[int, int],
    strides: tuple[int, int] | None = None,
    padding: Padding = "VALID",
) -> Array:
    """Computes `flax.linen.max_pool` of images, with a gradient that is fast inside loops on CPUs.

    The gradient goes to the first of several largest values. strides: by default 1, as in Flax.
    Raises ConfigError for a window, or strides, that differ between rows and columns.
    """
    steps = (1, 1) if strides is None else strides
    if len({*window_shape}) != 1 or len({*steps}) != 1 or x.ndim != 4:
        raise ConfigError(
            "hptjax.nn.max_pool: must have images [B, H, W, C], and a window and strides that are "
            f"the same for rows and columns, got {x.shape}, {window_shape} and {steps}; "
            "flax.linen.max_pool takes others, more slowly."
        )
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(x.shape[1:3], window_shape, steps, padding)
    rows, columns = ((before, after) for before, after in padding)
    size, stride = window_shape[0], steps[0]
    return images(pool.max_pool(maps(x), size=size, stride=stride, padding=(rows, columns)))


def avg_pool(
    x: Array,
    window_shape: tuple[int, int],
    strides: tuple[int, int] | None = None,
    padding: Padding = "VALID",
) -> Array:
    """Computes `flax.linen.avg_pool`; for adjacent square windows without padding, by a mean."""
    square = len({*window_shape, *(strides or (1, 1))}) == 1
    if x.ndim == 4 and square and padding == "VALID":
        return images(average_pool(maps(x), window_shape[0]))
    return nn.avg_pool(x, window_shape, strides, padding)  # pyright: ignore[reportArgumentType]
