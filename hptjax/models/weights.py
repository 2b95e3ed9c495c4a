"""Every weight and running statistic of one network: names, shapes, layout, initial values.

A network's arrays lie in one vector: a few large arrays train and compile faster than many small
ones. The flat index of a weight in its true shape decides its initial value, so padding never
changes a draw.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from hptjax.models.layers.base import Shape, Weight
from hptjax.models.placed import Placed
from hptjax.models.signature import NetShape, walk
from hptjax.ops.pieces import join, split

Kind = Literal["weights", "statistics"]


def weights(body: NetShape) -> dict[str, Weight]:
    """Returns all trained arrays of a network: {name: Weight}."""
    return gathered("weights", body.signature.incoming, body.layers)


def statistics(body: NetShape) -> dict[str, Weight]:
    """Returns all running statistics of a network: {name: Weight}."""
    return gathered("statistics", body.signature.incoming, body.layers)


def gathered(kind: Kind, incoming: Shape, layers: Sequence[Placed]) -> dict[str, Weight]:
    """Returns the arrays of some layers, by layer and own name; incoming: shape of the images."""
    return {
        f"{placed.name}.{name}": weight
        for placed, shape in walk(incoming, layers)
        for name, weight in getattr(placed.layer, kind)(shape).items()
    }


@dataclass(frozen=True)
class FlatLayout:
    """The place of each named array in a vector: {name: (start, Weight)}; size: of the vector."""

    places: Mapping[str, tuple[int, Weight]]
    size: int

    def split(self, vector: Any) -> dict[str, Any]:
        """Returns the arrays of a vector [size or longer], JAX's or numpy's (then as views)."""
        if not isinstance(vector, np.ndarray):
            shapes = [weight.shape for _, weight in self.places.values()]
            return dict(zip(self.places, split(vector, shapes), strict=True))
        return {
            name: vector[start : start + weight.size].reshape(weight.shape)
            for name, (start, weight) in self.places.items()
        }

    def join(self, arrays: Mapping[str, Array]) -> Array:
        """Returns the vector [size] of all arrays."""
        return join([arrays[name] for name in self.places])


def flat_layout(kinds: Mapping[str, Weight]) -> FlatLayout:
    """Lays arrays out one after another."""
    places, start = {}, 0
    for name, weight in kinds.items():
        places[name] = (start, weight)
        start += weight.size
    return FlatLayout(places, start)


@lru_cache(maxsize=4096)
def layouts(body: NetShape) -> tuple[FlatLayout, FlatLayout]:
    """Returns the layouts of a body's weights and of its running statistics."""
    return flat_layout(weights(body)), flat_layout(statistics(body))


def longest_vectors(bodies: Iterable[NetShape]) -> tuple[int, int]:
    """Returns the longest lengths of these bodies' vectors: weights, statistics."""
    params, stats = zip(*map(layouts, bodies), strict=True)
    return max(layout.size for layout in params), max(layout.size for layout in stats)


def initial_weights(key: Array, padded: NetShape, layers: Sequence[Placed]) -> Array:
    """Draws the initial weights [N] of a padded network as PyTorch does; the padding is zeros.

    layers: with the true widths, which may be traced. The index of a draw is the weight's place in
    the true shape, and the k-th draw of a key does not depend on the number of draws: padding never
    changes a draw.
    """
    layout = layouts(padded)[0]
    draws = jax.random.uniform(key, (layout.size,))
    parts, start = [], 0
    for placed, incoming in walk(padded.signature.incoming, layers):
        drawn = placed.layer.initial(_own_key(key, placed), incoming)
        for name, own in placed.layer.weights(incoming).items():
            if drawn is not None:
                parts.append(drawn[name].reshape(-1))
                continue
            place, live = _places(own.shape, layout.places[f"{placed.name}.{name}"][1].shape)
            if own.fan_in is None:
                value = jnp.asarray(own.fill, jnp.float32)
            else:
                bound = lax.rsqrt(jnp.asarray(own.fan_in, jnp.float32))
                value = draws[jnp.where(live, start + place, 0)] * (2 * bound) - bound
            parts.append(jnp.where(live, value, 0.0))
            start += math.prod(own.shape)
    return jnp.concatenate(parts) if parts else jnp.zeros(0)


def initial_statistics(key: Array, padded: NetShape, layers: Sequence[Placed]) -> Array:
    """Returns the running statistics [S] of a padded network before training; padding is zeros.

    key, layers: see `initial_weights`.
    """
    layout = layouts(padded)[1]
    parts = []
    for placed, incoming in walk(padded.signature.incoming, layers):
        own = placed.layer.statistics(incoming)
        drawn = placed.layer.initial(_own_key(key, placed), incoming) if own else None
        for name, weight in own.items():
            if drawn is not None:
                parts.append(drawn[name].reshape(-1))
                continue
            _, live = _places(weight.shape, layout.places[f"{placed.name}.{name}"][1].shape)
            parts.append(jnp.where(live, weight.fill, 0.0))
    return jnp.concatenate(parts) if parts else jnp.zeros(0)


def _own_key(key: Array, placed: Placed) -> Array:
    """Returns the key of a layer that draws its own weights."""
    return jax.random.fold_in(key, jnp.uint32(placed.stream))


def _places(shape: tuple[Any, ...], padded: tuple[int, ...]) -> tuple[Array, Array]:
    """Returns the flat place of each number in the true shape, and whether it has one."""
    place, live = jnp.zeros(padded, jnp.int32), jnp.ones(padded, bool)
    for axis, size in enumerate(shape):
        index = lax.broadcasted_iota(jnp.int32, padded, axis)
        place, live = place * size + index, live & (index < size)
    return place.reshape(-1), live.reshape(-1)


def laid_out(vector: np.ndarray, old: FlatLayout, new: FlatLayout) -> np.ndarray:
    """Moves a vector's arrays to another layout: cuts each to its new shape, or adds zeros."""
    out = np.zeros(new.size, vector.dtype)
    parts = new.split(out)  # views, written below
    for name, array in old.split(vector).items():
        both = tuple(
            slice(min(sizes)) for sizes in zip(array.shape, parts[name].shape, strict=True)
        )
        parts[name][both] = array[both]
    return out


def exact_arrays(
    true: NetShape, padded: NetShape, params: np.ndarray, stats: np.ndarray
) -> dict[str, np.ndarray]:
    """Cuts a trained member's arrays {name: array}, at their exact shape, out of padded vectors."""
    out: dict[str, np.ndarray] = {}
    for vector, old, new in zip((params, stats), layouts(padded), layouts(true), strict=True):
        out |= new.split(laid_out(vector, old, new))
    return out
