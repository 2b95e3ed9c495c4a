"""Cuts a vector into arrays that lie in it one after another, and joins arrays to such a vector.

On CPUs our own kernel copies them all in one call (`kernels/pieces.cc`): XLA compiles and starts a
loop for each array.
"""

import math
from collections.abc import Sequence
from itertools import accumulate

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.ops import native

Shape = tuple[int, ...]


def split(vector: Array, shapes: Sequence[Shape]) -> list[Array]:
    """Cuts a vector into arrays of these shapes, one after another from its front."""
    if not shapes:
        return []
    sizes = [math.prod(shape) for shape in shapes]
    if sum(sizes) > vector.size:
        raise ValueError(f"arrays of {sum(sizes)} numbers cannot lie in {vector.size}.")
    if not native.take(vector):
        starts = accumulate(sizes, initial=0)
        return [
            vector[start : start + size].reshape(shape)
            for start, size, shape in zip(starts, sizes, shapes, strict=False)
        ]
    out = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return list(native.call("hptjax_split", out, (vector,), (None,), [None] * len(out)))


def join(arrays: Sequence[Array]) -> Array:
    """Joins all numbers of some arrays to one vector, one array after another."""
    if not arrays:
        return jnp.zeros(0)
    if not native.take(*arrays):
        return jnp.concatenate([array.reshape(-1) for array in arrays])
    size = (sum(array.size for array in arrays),)
    return native.call_one("hptjax_join", tuple(arrays), [None] * len(arrays), size, None)
