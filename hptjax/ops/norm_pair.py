"""The sum of two batch norms, then relu: what ends a residual block with a projection.

On CPUs one kernel computes it (`kernels/norm_pair.cc`), which reads the maps fewer times.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.ops import native
from hptjax.ops.norm import EPSILON, normalise
from hptjax.ops.shapes import check_norm

_OPTIONS = {"epsilon": np.float32(EPSILON)}


class Statistics(NamedTuple):
    """The mean and the biased variance of a batch, [C] each."""

    mean: Array
    var: Array


def normalised_sum(
    x: Array,
    z: Array,
    of_x: tuple[Array, Array],
    of_z: tuple[Array, Array],
    live: Array,
) -> tuple[Array, Statistics, Statistics]:
    """Returns relu(norm(x) + norm(z)) of maps [C, H, W, B], and the statistics of x and of z.

    of_x, of_z: (scale, shift) of each norm, [C]. live: int32 scalar, the number of channels that
    are not padding. The statistics carry no gradient of their own. Raises the errors of
    `ops.norm.normalise`, and ValueError where x and z have not one shape.
    """
    check_norm(x, *of_x, 0, live)
    check_norm(z, *of_z, 0, live)
    if x.shape != z.shape:
        raise ValueError(f"both maps must have one shape, got {x.shape} and {z.shape}.")
    if native.take(x, z):
        y, *found = _kernel(x, *of_x, z, *of_z, live)
        return y, Statistics(*found[:2]), Statistics(*found[2:])
    y, *x_found = normalise(x, *of_x, 0, live=live)
    other, *z_found = normalise(z, *of_z, 0, live=live)
    return jax.nn.relu(y + other), Statistics(*x_found), Statistics(*z_found)


@jax.custom_vjp
def _kernel(
    x: Array,
    x_scale: Array,
    x_shift: Array,
    z: Array,
    z_scale: Array,
    z_shift: Array,
    live: Array,
) -> tuple[Array, ...]:
    vector = jax.ShapeDtypeStruct(x_scale.shape, jnp.float32)
    out = jax.ShapeDtypeStruct(x.shape, jnp.float32), *[vector] * 4
    arrays = x, x_scale, x_shift, z, z_scale, z_shift, live
    layouts = native.MAPS, None, None
    to = native.MAPS, *[None] * 4
    return tuple(
        native.call("hptjax_norm_pair", out, arrays, (*layouts, *layouts, None), to, **_OPTIONS)
    )


def _forward(*arrays: Array):
    y, *found = _kernel(*arrays)
    return (y, *found), ((*arrays[:3], *found[:2]), (*arrays[3:6], *found[2:]), arrays[6])


def _backward(residuals, cotangents):
    of_x, of_z, live = residuals
    g, vector = cotangents[0], jax.ShapeDtypeStruct(of_x[1].shape, jnp.float32)
    own = jax.ShapeDtypeStruct(g.shape, jnp.float32), vector, vector
    layouts = native.MAPS, *[None] * 4
    to = native.MAPS, None, None
    arrays = *of_x, *of_z, g, live
    places = *layouts, *layouts, native.MAPS, None
    name = "hptjax_norm_pair_gradient"
    return *native.call(name, (*own, *own), arrays, places, (*to, *to), **_OPTIONS), None


_kernel.defvjp(_forward, _backward)
