"""Norms that treat each image separately, over groups of its channels: [C, H, W, B] or [N, B].

On CPUs our own kernels compute them (`kernels/group_norm.cc`).
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from hptjax.ops import native
from hptjax.ops.native import MAPS
from hptjax.ops.norm import EPSILON


def normalise_groups(x: Array, scale: Array, shift: Array, groups: int, live: Array | int) -> Array:
    """Normalises the first `live` channels of each image, in `groups` equal groups of neighbours.

    scale, shift: [C]. live: a multiple of groups. The other channels belong to no group: their
    zeros stay zeros, and they get no gradient from the live channels.

    Raises: where kernels compute, XLA's error INVALID_ARGUMENT if live is not such a number.
    """
    if native.take(x, scale, shift):
        return _by_kernels(x, scale, shift, jnp.int32(live), groups)
    channels, images = x.shape[0], x.shape[-1]
    pixels = tuple(range(1, x.ndim - 1))
    size = jnp.maximum(live // groups, 1)  # with no live channel, 0 / 0 would reach the gradients
    index = jnp.arange(channels)
    member = (index // size == jnp.arange(groups)[:, None]).astype(x.dtype)
    count = size * (x.size // (channels * images))

    def mean(x: Array) -> Array:
        return _product(member, x.sum(pixels)) / count

    def spread(x: Array) -> Array:
        return _product(member.T, x).reshape(channels, *(1,) * len(pixels), images)

    x = x - spread(mean(x))
    var = mean(lax.square(x))  # of the differences: E[x^2] - E[x]^2 would cancel
    return affine(x * spread(lax.rsqrt(var + EPSILON)), scale, shift)


def normalise_maps(x: Array, scale: Array, shift: Array, live: Array | int | None = None) -> Array:
    """Normalises each map of each image of x [C, H, W, B]; maps of zeros stay zeros.

    live: the number of channels that are not padding, default all. Raises the errors of
    `normalise_groups`.
    """
    if native.take(x, scale, shift):
        return _by_kernels(x, scale, shift, jnp.int32(len(x) if live is None else live), _EACH)
    x = x - x.mean((1, 2), keepdims=True)
    var = lax.square(x).mean((1, 2), keepdims=True)
    return affine(x * lax.rsqrt(var + EPSILON), scale, shift)


def affine(x: Array, scale: Array, shift: Array) -> Array:
    """Multiplies each channel of x [C, ...] by its scale and adds its shift."""
    wide = (-1, *(1,) * (x.ndim - 1))
    return x * scale.reshape(wide) + shift.reshape(wide)


def _product(matrix: Array, x: Array) -> Array:
    return jnp.matmul(matrix, x, precision=lax.Precision.HIGHEST)


_EACH = 0  # the number of groups for kernels: each channel is a group


def _by_kernels(x: Array, scale: Array, shift: Array, live: Array, groups: int) -> Array:
    """Passes units to kernels as maps of one pixel."""
    wide = x.reshape(len(x), *(x.shape[1:-1] or (1, 1)), x.shape[-1])
    return jnp.reshape(_kernel(wide, scale, shift, live, groups), x.shape)


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def _kernel(x: Array, scale: Array, shift: Array, live: Array, groups: int) -> Array:
    return _kernel_forward(x, scale, shift, live, groups)[0]


def _kernel_forward(x: Array, scale: Array, shift: Array, live: Array, groups: int):
    statistics = jax.ShapeDtypeStruct((groups or len(x), x.shape[-1]), jnp.float32)
    out = (jax.ShapeDtypeStruct(x.shape, jnp.float32), statistics, statistics)
    arrays, layouts = (x, scale, shift, live), (MAPS, None, None, None)
    options = {"groups": groups, "epsilon": np.float32(EPSILON)}
    name, to = "hptjax_group_norm", layouts[:3]
    y, mean, inverse = native.call(name, out, arrays, layouts, to, **options)
    return y, (x, scale, mean, inverse, live)


def _kernel_backward(groups: int, residuals, g: Array):
    x, scale, mean, inverse, live = residuals
    vector = jax.ShapeDtypeStruct(scale.shape, jnp.float32)
    out = (jax.ShapeDtypeStruct(x.shape, jnp.float32), vector, vector)
    arrays, layouts = (x, scale, mean, inverse, g, live), (MAPS, None, None, None, MAPS, None)
    name, to = "hptjax_group_norm_gradient", (MAPS, None, None)
    return *native.call(name, out, arrays, layouts, to, groups=groups), None


_kernel.defvjp(_kernel_forward, _kernel_backward)
