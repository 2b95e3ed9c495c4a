"""Initial weights as PyTorch draws them: uniform within 1 / sqrt(fan-in), batch norms at one and
zero.
"""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.models.keys import leaf_key
from hptjax.models.shapes import Weight


def initial(shapes: Mapping[str, Weight], key: Array) -> dict[str, Array]:
    """Draws the weights of one network at its exact shape."""
    return {name: _draw(weight, leaf_key(key, name)) for name, weight in shapes.items()}


def _draw(weight: Weight, key: Array) -> Array:
    if weight.fan_in is None:
        return jnp.full(weight.shape, weight.fill)
    draws = jax.random.uniform(key, (math.prod(weight.shape),))
    return _scale(draws, jnp.float32(bound(weight))).reshape(weight.shape)


def bound(weight: Weight) -> float:
    """Initial weights lie within +- this; 0 for fixed values."""
    return 0.0 if weight.fan_in is None else weight.fan_in**-0.5


def _scale(draws: Array, limit: Array) -> Array:
    return draws * (2 * limit) - limit


def initial_padded(
    storage: Mapping[str, tuple[int, ...]],
    true: Mapping[str, Array],
    bounds: Mapping[str, Array],
    fills: Mapping[str, float],
    key: Array,
) -> dict[str, Array]:
    """Draws the same weights into padded arrays, zeros elsewhere: the k-th draw goes where the k-th
    weight went.

    storage: padded shapes; true: [rank] true shape of each weight, traced; bounds: see bound().
    """
    out = {}
    for name, shape in storage.items():
        index, live = _flat_index(shape, true[name])
        draws = jax.random.uniform(leaf_key(key, name), (math.prod(shape),))[index]
        drawn = _scale(draws, bounds[name])
        out[name] = jnp.where(live, jnp.where(bounds[name] > 0, drawn, fills[name]), 0)
    return out


def _flat_index(shape: tuple[int, ...], true: Array) -> tuple[Array, Array]:
    """Row-major index of each stored place within the true shape, and whether it lies inside."""
    index, live = jnp.zeros(shape, jnp.int32), jnp.ones(shape, bool)
    for axis in range(len(shape)):
        place = jax.lax.broadcasted_iota(jnp.int32, shape, axis)
        index = index * true[axis] + place
        live = live & (place < true[axis])
    return jnp.where(live, index, 0), live
