"""Average pooling, and shortcuts."""

import jax.numpy as jnp
from jax import Array


def average_pool(x: Array, size: int) -> Array:
    """Averages size x size windows of x [C, H, W, B]; drops the rows and columns left over."""
    if size == 1:
        return x
    channels, height, width, images = x.shape
    rows, columns = height // size, width // size
    x = x[:, : rows * size, : columns * size]
    return x.reshape(channels, rows, size, columns, size, images).mean((2, 4))


def identity_shortcut(x: Array, channels: int, stride: int, live: Array) -> Array:
    """Returns every stride-th pixel of x [C, H, W, B] as maps of `channels` channels.

    Missing channels are zeros, surplus ones are cut off. live: how many channels are passed on.
    """
    x = x[:channels, ::stride, ::stride]
    x = jnp.pad(x, ((0, channels - x.shape[0]), (0, 0), (0, 0), (0, 0)))
    return jnp.where((jnp.arange(channels) < live)[:, None, None, None], x, 0)
