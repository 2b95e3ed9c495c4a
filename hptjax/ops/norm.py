"""Batch normalisation over every axis but the channels', with a hand-written gradient.

On CPUs our own kernels normalise maps (`kernels/norm.cc`).
"""

import math
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from hptjax.ops import native
from hptjax.ops.shapes import check_norm

EPSILON = 1e-5
LONG_VECTOR = 4096  # a product with a shorter vector is compiled to a loop, too
MOMENTUM = 0.1  # share of the new batch in the running statistics, as in PyTorch


def normalise(
    x: Array,
    scale: Array,
    shift: Array,
    axis: int,
    relu: bool = False,
    live: Array | None = None,
) -> tuple[Array, Array, Array]:
    """Normalises x by the statistics of the batch; returns (y, mean, biased variance).

    axis: the channel axis; scale, shift, mean, variance: [channels]; relu: apply relu to y; live:
    int32 scalar, the number of channels that are not padding, as for `ops.conv.conv`. The
    statistics carry no gradient of their own.

    Raises: ValueError for shapes that do not fit together; where kernels compute, XLA's error
    INVALID_ARGUMENT for more live channels than x has.
    """
    check_norm(x, scale, shift, axis, live)
    live = jnp.int32(x.shape[axis]) if live is None else live
    return _normalise(x, scale, shift, live, axis, relu)


@partial(jax.custom_vjp, nondiff_argnums=(4, 5))
def _normalise(
    x: Array, scale: Array, shift: Array, live: Array, axis: int, relu: bool
) -> tuple[Array, Array, Array]:
    if _by_kernels(x, axis):
        return _kernel(x, scale, shift, live, relu)
    return _forward(x, scale, shift, axis, relu)


def _normalise_forward(x: Array, scale: Array, shift: Array, live: Array, axis: int, relu: bool):
    y, mean, var = normalise(x, scale, shift, axis, relu, live)
    return (y, mean, var), (x, scale, shift, mean, var, live)


def _normalise_backward(axis: int, relu: bool, residuals, cotangents):
    x, scale, shift, mean, var, live = residuals
    if _by_kernels(x, axis):
        of_batch = scale, shift, mean, var
        return *_gradient_kernel(x, *of_batch, cotangents[0], live, relu), None
    return *_backward(x, scale, shift, mean, var, cotangents[0], axis, relu), None


_normalise.defvjp(_normalise_forward, _normalise_backward)


def _by_kernels(x: Array, axis: int) -> bool:
    """Tells whether kernels can take x: they need maps [C, H, W, B]."""
    return x.ndim == 4 and axis == 0 and native.take(x)


def _options(relu: bool) -> dict[str, Any]:
    return {"relu": relu, "epsilon": np.float32(EPSILON)}


def _kernel(x: Array, scale: Array, shift: Array, live: Array, relu: bool):
    vector = jax.ShapeDtypeStruct(scale.shape, jnp.float32)
    out = (jax.ShapeDtypeStruct(x.shape, jnp.float32), vector, vector)
    arrays, layouts = (x, scale, shift, live), (native.MAPS, None, None, None)
    return native.call("hptjax_norm", out, arrays, layouts, layouts[:3], **_options(relu))


def _gradient_kernel(
    x: Array,
    scale: Array,
    shift: Array,
    mean: Array,
    var: Array,
    g: Array,
    live: Array,
    relu: bool,
):
    vector = jax.ShapeDtypeStruct(scale.shape, jnp.float32)
    out = (jax.ShapeDtypeStruct(x.shape, jnp.float32), vector, vector)
    arrays, plain = (x, scale, shift, mean, var, g, live), (None,) * 4
    layouts, to = (native.MAPS, *plain, native.MAPS, None), (native.MAPS, None, None)
    return native.call("hptjax_norm_gradient", out, arrays, layouts, to, **_options(relu))


def _forward(x: Array, scale: Array, shift: Array, axis: int, relu: bool):
    wide, count = _wide(x, axis), x.size // x.shape[axis]
    mean = _sums(x, axis) / count
    # Two passes: E[x^2] - E[x]^2 cancels in float32 when a channel's mean is far from zero.
    var = _sums(lax.square(x - mean.reshape(wide)), axis) / count
    return normalise_by(x, mean, var, scale, shift, axis, relu), mean, var


def _backward(
    x: Array,
    scale: Array,
    shift: Array,
    mean: Array,
    var: Array,
    g: Array,
    axis: int,
    relu: bool,
):
    if relu:
        g = jnp.where(normalise_by(x, mean, var, scale, shift, axis) > 0, g, 0)
    wide, count = _wide(x, axis), x.size // x.shape[axis]
    inv = lax.rsqrt(var + EPSILON)
    g_shift = _sums(g, axis)
    g_scale = _sums(g * (x - mean.reshape(wide)), axis) * inv
    gain = scale * inv
    slope = gain * inv * g_scale / count
    offset = slope * mean - gain * g_shift / count
    dx = g * gain.reshape(wide) - x * slope.reshape(wide) + offset.reshape(wide)
    return dx, g_scale, g_shift


def _sums(x: Array, axis: int) -> Array:
    """Sums over all axes but one, as a product with ones: XLA's sum on CPUs is a scalar loop."""
    others = tuple(i for i in range(x.ndim) if i != axis)
    shape = [x.shape[i] for i in others]
    if math.prod(shape) < LONG_VECTOR:
        return x.sum(others)
    numbers = ((others, tuple(range(len(others)))), ((), ()))
    return lax.dot_general(x, jnp.ones(shape, x.dtype), numbers, precision=lax.Precision.HIGHEST)


def _wide(x: Array, axis: int) -> tuple[int, ...]:
    return tuple(-1 if i == axis else 1 for i in range(x.ndim))


def normalise_by(
    x: Array,
    mean: Array,
    var: Array,
    scale: Array,
    shift: Array,
    axis: int,
    relu: bool = False,
    live: Array | None = None,
) -> Array:
    """Normalises x by given statistics, as evaluation does. relu, live: as for `normalise`."""
    if live is not None and _by_kernels(x, axis):
        arrays = x, scale, shift, mean, var, live
        layouts = (native.MAPS, *(None,) * 5)
        name, maps = "hptjax_norm_by_statistics", native.MAPS
        return native.call_one(name, arrays, layouts, x.shape, maps, **_options(relu))
    wide = _wide(x, axis)
    gain = scale * lax.rsqrt(var + EPSILON)
    y = x * gain.reshape(wide) + (shift - mean * gain).reshape(wide)
    return jax.nn.relu(y) if relu else y


def running(old: Array, new: Array) -> Array:
    """Returns a running statistic after one more batch."""
    return old + MOMENTUM * (new - old)


def unbiased(var: Array, count: int) -> Array:
    """Returns the variance that PyTorch keeps in the running statistics: divided by count - 1."""
    return var * _correction(count) if count > 1 else jnp.zeros_like(var)


def _correction(count: int) -> float:
    """Returns the factor that makes a biased variance of `count` numbers unbiased; 0 for one."""
    return count / (count - 1) if count > 1 else 0.0


def running_statistics(
    old: tuple[Array, Array], new: tuple[Array, Array], bias: Array | float, count: int
) -> tuple[Array, Array]:
    """Returns the running mean and variance [C] after a batch of this mean and biased variance.

    bias: added to the batch's mean; count: the numbers averaged for each channel.
    """
    if not native.take(*old, *new):
        return running(old[0], new[0] + bias), running(old[1], unbiased(new[1], count))
    out = [jax.ShapeDtypeStruct(array.shape, jnp.float32) for array in old]
    biases = jnp.broadcast_to(jnp.asarray(bias, jnp.float32), old[0].shape)
    arrays = map(lax.stop_gradient, (*old, *new, biases))
    options = {"rate": np.float32(MOMENTUM), "correction": np.float32(_correction(count))}
    name = "hptjax_running_statistics"
    mean, var = native.call(name, out, tuple(arrays), [None] * 5, [None] * 2, **options)
    return mean, var
