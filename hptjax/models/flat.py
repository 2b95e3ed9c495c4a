"""All arrays of one network as one vector: a few large arrays train and compile faster than many
small ones.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from hptjax.models.shapes import Weight, statistics, weights
from hptjax.models.signature import Body


@dataclass(frozen=True)
class FlatLayout:
    """Where each named array lies in the vector: {name: (start, Weight)}; size: of the vector."""

    places: Mapping[str, tuple[int, Weight]]
    size: int

    def split(self, vector: Any) -> dict[str, Any]:
        """The arrays of a vector [size or longer], JAX's or numpy's (then as views)."""
        return {
            name: vector[start : start + math.prod(weight.shape)].reshape(weight.shape)
            for name, (start, weight) in self.places.items()
        }

    def join(self, arrays: Mapping[str, Array]) -> Array:
        """The vector [size] of all arrays."""
        return jnp.concatenate([arrays[name].reshape(-1) for name in self.places])


def flat_layout(kinds: Mapping[str, Weight]) -> FlatLayout:
    """Lays arrays out one after another."""
    places, start = {}, 0
    for name, weight in kinds.items():
        places[name] = (start, weight)
        start += math.prod(weight.shape)
    return FlatLayout(places, start)


@lru_cache(maxsize=4096)
def layouts(body: Body) -> tuple[FlatLayout, FlatLayout]:
    """The layouts of a body's weights and of its running statistics."""
    args = body.signature, body.widths
    return flat_layout(weights(*args)), flat_layout(statistics(*args))


@lru_cache(maxsize=4096)
def initial_places(true: Body, padded: Body) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How a padded network starts: per weight the index of its draw, the draw's bound, and the
    value where the bound is 0.

    A draw's index is the weight's place in the network's true shape, so padding never moves a draw.
    """
    source, target = layouts(true)[0], layouts(padded)[0]
    index = np.zeros(target.size, np.int32)
    bounds, fills = np.zeros(target.size, np.float32), np.zeros(target.size, np.float32)
    split = [target.split(array) for array in (index, bounds, fills)]  # views, written below
    for name, (start, weight) in source.places.items():
        corner = tuple(slice(n) for n in weight.shape)
        count = math.prod(weight.shape)
        split[0][name][corner] = np.arange(start, start + count).reshape(weight.shape)
        split[1][name][corner] = bound(weight)
        split[2][name][corner] = weight.fill
    return index, bounds, fills


def initial_statistics(true: Body, padded: Body) -> np.ndarray:
    """Running statistics before training; zeros in the padding."""
    source, target = layouts(true)[1], layouts(padded)[1]
    out = np.zeros(target.size, np.float32)
    for name, array in target.split(out).items():
        weight = source.places[name][1]
        array[tuple(slice(n) for n in weight.shape)] = weight.fill
    return out


def exact_arrays(true: Body, padded: Body, params: np.ndarray, stats: np.ndarray) -> dict:
    """A trained member's arrays {name: array} at its exact shape, cut out of the padded vectors."""
    out = {}
    sources = (*layouts(true)[0].places.items(), *layouts(true)[1].places.items())
    stored = layouts(padded)[0].split(params) | layouts(padded)[1].split(stats)
    for name, (_, weight) in sources:
        out[name] = stored[name][tuple(slice(n) for n in weight.shape)]
    return out


def bound(weight: Weight) -> float:
    """Initial weights lie within +- this; 0 for fixed values."""
    return 0.0 if weight.fan_in is None else weight.fan_in**-0.5
