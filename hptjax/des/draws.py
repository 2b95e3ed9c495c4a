"""The random numbers of one DES generation."""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.random import threefry_2x32

from hptjax.des.state import State


class Draws(NamedTuple):
    """The random numbers of one generation, drawn for each of the L offspring independently."""

    h1: jax.Array  # [L] ages of the parents' differences
    h2: jax.Array  # [L] ages of the shifts (used only by the paper variant)
    h3: jax.Array  # [L] ages of the paths
    i: jax.Array  # [L] parents, with replacement
    j: jax.Array
    a: jax.Array  # [L, 1] scalar normals
    b: jax.Array
    z: jax.Array  # [L, n] normals
    uniform: jax.Array  # [L, n] in (-1, 1), for the first population; z is a function of it


def draw(key: jax.Array, state: State) -> Draws:
    """Draws all random numbers of one `ask`, float64 for a float64 state and float32 for others.

    One counter runs through all draws. `jax.random` would start again for each component and, on a
    CPU, take twice the time: it combines two words of Threefry into each word that it returns.
    """
    archive_size, (size, n) = state.num_parents.shape[0], state.genotypes.shape
    real = jnp.promote_types(state.mean.dtype, jnp.float32)
    per_number = real.itemsize // 4
    words = threefry_2x32(
        jax.random.key_data(key).ravel()[:2],
        jnp.arange(size * (5 + per_number * (2 + n)), dtype=jnp.uint32),
    ).reshape(-1, size)
    filled = jnp.clip(state.age, 1, archive_size)  # K of (5)
    h1, h2, h3 = _below(words[:3], filled)
    i, j = _below(words[3:5], state.num_parents[h1])
    uniform = _symmetric(words[5:].reshape(per_number, -1), real)
    # A loop of two turns: without it XLA would fuse this into the gathers of (6), as scalar code.
    halves = jnp.pad(uniform, (0, uniform.size % 2)).reshape(2, -1)
    normals = jax.lax.map(_normal, halves).ravel()
    a, b = normals[: 2 * size].reshape(2, size, 1)
    z = normals[2 * size : uniform.size].reshape(size, n)
    return Draws(h1, h2, h3, i, j, a, b, z, uniform[2 * size :].reshape(size, n))


def _normal(uniform: jax.Array) -> jax.Array:
    """Returns standard normals from uniforms in (-1, 1), as jax.random computes them."""
    return math.sqrt(2) * jax.lax.erf_inv(uniform)


def _below(words: jax.Array, count: Any) -> jax.Array:
    """Returns integers in 0..count-1, equally likely up to 2**-24."""
    unit = (words >> 8).astype(jnp.float32) * 2.0**-24
    return jnp.minimum((unit * count).astype(jnp.int32), count - 1)


def _symmetric(words: jax.Array, real: Any) -> jax.Array:
    """Returns uniforms in the interval (-1, 1) from words [1 or 2, size], symmetric about 0."""
    if real.itemsize == 4:
        return (words[0] >> 9).astype(real) * 2.0**-22 - (1 - 2.0**-23)
    high, low = words[0].astype(real), (words[1] >> 12).astype(real)
    return high * 2.0**-31 + (low * 2.0**-51 - (1 - 2.0**-52))
