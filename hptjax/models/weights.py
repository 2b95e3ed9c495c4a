"""Every weight and running statistic of one network: names, shapes, flat layout, initial values.

Convolution kernels are [O, k, k, C]; the first MLP layer, which reads the pooled maps, is
[M, C, H, W]; later layers [M, N]. A network's arrays lie in one vector: a few large arrays train
and compile faster than many small ones. The flat index of a weight in its true shape decides its
initial value, so padding never moves a draw.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from hptjax.models.signature import Body, Widths, map_sizes


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight array at its true shape.

    Initial values lie within +-1/sqrt(fan_in) (None: all are `fill`). pixels: how often an image
    multiplies by each number of it (0 for biases and norms).
    """

    shape: tuple[int, ...]
    fan_in: int | None = None
    fill: float = 0.0
    pixels: int = 0

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def weights(body: Body) -> dict[str, Weight]:
    """All trained arrays of a network: {name: Weight}."""
    signature, channels = body.signature, body.widths.channels
    sizes = map_sizes(signature)
    pixels = [height * width for height, width in sizes]
    out: dict[str, Weight] = {}
    kernel = signature.first.kernel
    _layer(out, "first_conv", (channels[0], kernel, kernel, signature.image[2]), pixels[0])
    for i, block in enumerate(signature.blocks):
        before, after, k, area = channels[i], channels[i + 1], block.kernel, pixels[i + 1]
        name = f"blocks.{i}"
        _layer(out, f"{name}.conv1", (after, k, k, before), area, norm=f"{name}.bn1")
        _layer(out, f"{name}.conv2", (after, k, k, after), area, norm=f"{name}.bn2")
        _layer(out, f"{name}.conv_proj", (after, 1, 1, before), area, norm=f"{name}.bn_proj")
    inputs = (channels[-1], *sizes[-1])
    for i, units in enumerate(body.widths.units):
        _layer(out, f"mlp.{i}.linear", (units, *inputs), 1, norm=f"mlp.{i}.bn")
        inputs = (units,)
    return out


def _layer(
    out: dict[str, Weight], name: str, shape: tuple[int, ...], pixels: int, norm: str | None = None
) -> None:
    fan_in = math.prod(shape[1:])
    out[f"{name}.kernel"] = Weight(shape, fan_in, pixels=pixels)
    out[f"{name}.bias"] = Weight(shape[:1], fan_in)
    if norm is not None:
        out[f"{norm}.scale"] = Weight(shape[:1], fill=1.0)
        out[f"{norm}.shift"] = Weight(shape[:1])


def statistics(body: Body) -> dict[str, Weight]:
    """All running statistics of a network: {name: Weight}."""
    scales = {name: w for name, w in weights(body).items() if name.endswith(".scale")}
    shapes = {name.removesuffix(".scale"): weight.shape for name, weight in scales.items()}
    mean = {f"{name}.mean": Weight(shape) for name, shape in shapes.items()}
    return mean | {f"{name}.var": Weight(shape, fill=1.0) for name, shape in shapes.items()}


@dataclass(frozen=True)
class FlatLayout:
    """Where each named array lies in the vector: {name: (start, Weight)}; size: of the vector."""

    places: Mapping[str, tuple[int, Weight]]
    size: int

    def split(self, vector: Any) -> dict[str, Any]:
        """The arrays of a vector [size or longer], JAX's or numpy's (then as views)."""
        return {
            name: vector[start : start + weight.size].reshape(weight.shape)
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
        start += weight.size
    return FlatLayout(places, start)


@lru_cache(maxsize=4096)
def layouts(body: Body) -> tuple[FlatLayout, FlatLayout]:
    """The layouts of a body's weights and of its running statistics."""
    return flat_layout(weights(body)), flat_layout(statistics(body))


def longest_vectors(bodies: Iterable[Body]) -> tuple[int, int]:
    """Lengths of a member's vectors that hold those of any of these bodies: weights, statistics."""
    params, stats = zip(*map(layouts, bodies), strict=True)
    return max(layout.size for layout in params), max(layout.size for layout in stats)


def initial_weights(key: Array, padded: Body, widths: Widths) -> Array:
    """How the weights [N] of a padded network start, PyTorch's way; zeros in the padding.

    widths: the true ones, which may be traced. A draw's index is the weight's place in the true
    shape, and the k-th draw of a key is the same however many are made: padding never moves a draw.
    """
    layout = layouts(padded)[0]
    draws = jax.random.uniform(key, (layout.size,))
    parts, start = [], 0
    for name, own in weights(Body(padded.signature, widths)).items():
        place, live = _places(own.shape, layout.places[name][1].shape)
        if own.fan_in is None:
            value = jnp.float32(own.fill)
        else:
            bound = lax.rsqrt(jnp.asarray(own.fan_in, jnp.float32))
            value = draws[jnp.where(live, start + place, 0)] * (2 * bound) - bound
        parts.append(jnp.where(live, value, 0.0))
        start += math.prod(own.shape)
    return jnp.concatenate(parts)


def initial_statistics(padded: Body, widths: Widths) -> Array:
    """Running statistics [S] of a padded network before training; zeros in the padding."""
    layout = layouts(padded)[1]
    own = statistics(Body(padded.signature, widths))
    return jnp.concatenate(
        [
            jnp.where(_places(own[name].shape, weight.shape)[1], weight.fill, 0.0)
            for name, (_, weight) in layout.places.items()
        ]
    )


def _places(shape: tuple[Any, ...], padded: tuple[int, ...]) -> tuple[Array, Array]:
    """Of each number of a padded array: its place in the true one, flattened; has it one?"""
    place, live = jnp.zeros(padded, jnp.int32), jnp.ones(padded, bool)
    for axis, size in enumerate(shape):
        index = lax.broadcasted_iota(jnp.int32, padded, axis)
        place, live = place * size + index, live & (index < size)
    return place.reshape(-1), live.reshape(-1)


def laid_out(vector: np.ndarray, old: FlatLayout, new: FlatLayout) -> np.ndarray:
    """A vector's arrays in another layout: each cut to its new shape, or filled up with zeros."""
    out = np.zeros(new.size, vector.dtype)
    parts = new.split(out)  # views, written below
    for name, array in old.split(vector).items():
        both = tuple(
            slice(min(sizes)) for sizes in zip(array.shape, parts[name].shape, strict=True)
        )
        parts[name][both] = array[both]
    return out


def exact_arrays(
    true: Body, padded: Body, params: np.ndarray, stats: np.ndarray
) -> dict[str, np.ndarray]:
    """A trained member's arrays {name: array} at its exact shape, cut out of the padded vectors."""
    out: dict[str, np.ndarray] = {}
    for vector, old, new in zip((params, stats), layouts(padded), layouts(true), strict=True):
        out |= new.split(laid_out(vector, old, new))
    return out
