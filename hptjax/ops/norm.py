"""Batch normalisation over every axis but the channels', with its gradient written out."""

import math

import jax
import jax.numpy as jnp
from jax import Array, lax

EPSILON = 1e-5
LONG_VECTOR = 4096  # numbers: a product with a shorter one is a loop, too
MOMENTUM = 0.1  # share of the new batch in the running statistics, as in PyTorch


def normalise(x: Array, scale: Array, shift: Array, axis: int) -> tuple[Array, Array, Array]:
    """Normalises x by the statistics of the batch; returns (y, mean, biased variance).

    axis: the channel axis; scale, shift, mean, variance: [channels]. The statistics carry no
    gradient of their own.
    """
    return _normalise(x, scale, shift, axis)


def _forward(x: Array, scale: Array, shift: Array, axis: int):
    wide, count = _wide(x, axis), x.size // x.shape[axis]
    mean = _sums(x, axis) / count
    # Two passes: E[x^2] - E[x]^2 cancels in float32 when a channel's mean is far from zero.
    var = _sums(lax.square(x - mean.reshape(wide)), axis) / count
    inv = lax.rsqrt(var + EPSILON)
    gain = scale * inv
    y = x * gain.reshape(wide) + (shift - mean * gain).reshape(wide)
    return (y, mean, var), (x, scale, mean, inv)


def _backward(axis: int, residuals, cotangents):
    x, scale, mean, inv = residuals
    g = cotangents[0]
    wide = _wide(x, axis)
    g_shift = _sums(g, axis)
    g_scale = _sums(g * (x - mean.reshape(wide)), axis) * inv
    count = x.size // x.shape[axis]
    gain = scale * inv
    slope = gain * inv * g_scale / count
    offset = slope * mean - gain * g_shift / count
    dx = g * gain.reshape(wide) - x * slope.reshape(wide) + offset.reshape(wide)
    return dx, g_scale, g_shift


def _sums(x: Array, axis: int) -> Array:
    """Sums over all axes but one, as a product with ones: XLA adds up one after another on CPU."""
    others = tuple(i for i in range(x.ndim) if i != axis)
    shape = [x.shape[i] for i in others]
    if math.prod(shape) < LONG_VECTOR:
        return x.sum(others)
    numbers = ((others, tuple(range(len(others)))), ((), ()))
    return lax.dot_general(x, jnp.ones(shape, x.dtype), numbers, precision=lax.Precision.HIGHEST)


def _wide(x: Array, axis: int) -> tuple[int, ...]:
    return tuple(-1 if i == axis else 1 for i in range(x.ndim))


_normalise = jax.custom_vjp(
    lambda x, scale, shift, axis: _forward(x, scale, shift, axis)[0], nondiff_argnums=(3,)
)
_normalise.defvjp(_forward, _backward)


def normalise_by(x: Array, mean: Array, var: Array, scale: Array, shift: Array, axis: int) -> Array:
    """Normalises x by given statistics, as evaluation does."""
    wide = _wide(x, axis)
    gain = scale * lax.rsqrt(var + EPSILON)
    return x * gain.reshape(wide) + (shift - mean * gain).reshape(wide)


def running(old: Array, new: Array) -> Array:
    """One step of a running statistic."""
    return old + MOMENTUM * (new - old)


def unbiased(var: Array, count: int) -> Array:
    """The variance that PyTorch keeps in the running statistics: over count - 1."""
    return var * (count / (count - 1)) if count > 1 else jnp.zeros_like(var)
