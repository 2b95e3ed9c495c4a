"""Batch normalisation over every axis but the channels', with its gradient written out."""

import jax
import jax.numpy as jnp
from jax import Array, lax

EPSILON = 1e-5
MOMENTUM = 0.1  # share of the new batch in the running statistics, as in PyTorch


def normalise(x: Array, scale: Array, shift: Array, axis: int) -> tuple[Array, Array, Array]:
    """Normalises x by the statistics of the batch; returns (y, mean, biased variance).

    axis: the channel axis; scale, shift, mean, variance: [channels]. The statistics carry no
    gradient of their own.
    """
    return _normalise(x, scale, shift, axis)


def _forward(x: Array, scale: Array, shift: Array, axis: int):
    others, wide = _layout(x, axis)
    mean = x.mean(others)
    # Two passes: E[x^2] - E[x]^2 cancels in float32 when a channel's mean is far from zero.
    var = lax.square(x - mean.reshape(wide)).mean(others)
    inv = lax.rsqrt(var + EPSILON)
    gain = scale * inv
    y = x * gain.reshape(wide) + (shift - mean * gain).reshape(wide)
    return (y, mean, var), (x, scale, mean, inv)


def _backward(axis: int, residuals, cotangents):
    x, scale, mean, inv = residuals
    g = cotangents[0]
    others, wide = _layout(x, axis)
    g_shift = g.sum(others)
    g_scale = (g * (x - mean.reshape(wide))).sum(others) * inv
    count = x.size // x.shape[axis]
    gain = scale * inv
    slope = gain * inv * g_scale / count
    offset = slope * mean - gain * g_shift / count
    dx = g * gain.reshape(wide) - x * slope.reshape(wide) + offset.reshape(wide)
    return dx, g_scale, g_shift


def _layout(x: Array, axis: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    others = tuple(i for i in range(x.ndim) if i != axis)
    return others, tuple(-1 if i == axis else 1 for i in range(x.ndim))


_normalise = jax.custom_vjp(
    lambda x, scale, shift, axis: _forward(x, scale, shift, axis)[0], nondiff_argnums=(3,)
)
_normalise.defvjp(_forward, _backward)


def normalise_by(x: Array, mean: Array, var: Array, scale: Array, shift: Array, axis: int) -> Array:
    """Normalises x by given statistics, as evaluation does."""
    wide = _layout(x, axis)[1]
    gain = scale * lax.rsqrt(var + EPSILON)
    return x * gain.reshape(wide) + (shift - mean * gain).reshape(wide)


def running(old: Array, new: Array) -> Array:
    """One step of a running statistic."""
    return old + MOMENTUM * (new - old)


def unbiased(var: Array, count: int) -> Array:
    """The variance that PyTorch keeps in the running statistics: over count - 1."""
    return var * (count / (count - 1)) if count > 1 else jnp.zeros_like(var)
