"""Norms of each image by itself, over groups of its channels: [C, H, W, B] or [N, B]."""

import jax.numpy as jnp
from jax import Array, lax

from hptjax.ops.norm import EPSILON


def normalise_groups(x: Array, scale: Array, shift: Array, groups: int, live: Array | int) -> Array:
    """Normalises the first `live` channels of each image in equal groups, side by side.

    scale, shift: [C]. live: a multiple of groups. The channels behind are members of no group:
    zeros stay zeros, and get no gradient from others.
    """
    channels, images = x.shape[0], x.shape[-1]
    pixels = tuple(range(1, x.ndim - 1))
    size = jnp.maximum(live // groups, 1)  # without any, 0 / 0 would reach the gradients
    index = jnp.arange(channels)
    member = (index // size == jnp.arange(groups)[:, None]).astype(x.dtype)
    count = size * (x.size // (channels * images))

    def mean(x: Array) -> Array:
        return _product(member, x.sum(pixels)) / count

    def spread(x: Array) -> Array:
        return _product(member.T, x).reshape(channels, *(1,) * len(pixels), images)

    x = x - spread(mean(x))
    var = mean(lax.square(x))  # of the rest: E[x^2] - E[x]^2 would cancel
    return affine(x * spread(lax.rsqrt(var + EPSILON)), scale, shift)


def normalise_maps(x: Array, scale: Array, shift: Array) -> Array:
    """Normalises each map of each image of x [C, H, W, B]; maps of zeros stay so."""
    x = x - x.mean((1, 2), keepdims=True)
    var = lax.square(x).mean((1, 2), keepdims=True)
    return affine(x * lax.rsqrt(var + EPSILON), scale, shift)


def affine(x: Array, scale: Array, shift: Array) -> Array:
    """x [C, ...] times a factor, plus a number, of each channel."""
    wide = (-1, *(1,) * (x.ndim - 1))
    return x * scale.reshape(wide) + shift.reshape(wide)


def _product(matrix: Array, x: Array) -> Array:
    return jnp.matmul(matrix, x, precision=lax.Precision.HIGHEST)
