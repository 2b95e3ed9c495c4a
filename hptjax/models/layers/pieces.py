"""Building blocks of layers: convolutions, norms, activations and dropout inside a layer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import Array

from hptjax.models.layers.base import Chosen, Context, Shape, Weight
from hptjax.models.layers.norms import Norm, keep_statistics
from hptjax.ops.activations import activate
from hptjax.ops.dropout import dropout
from hptjax.ops.norm_pair import normalised_sum


def affine(name: str, shape: tuple[Any, ...], fan_in: Any, pixels: int) -> dict[str, Weight]:
    """Returns a kernel of this shape and a bias for each output; the first axis counts outputs."""
    return {
        f"{name}.kernel": Weight(shape, fan_in, pixels=pixels),
        f"{name}.bias": Weight(shape[:1], fan_in),
    }


def inside(name: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Prefixes the names of an inner layer's arrays."""
    return {f"{name}.{own}": kind for own, kind in kinds.items()}


def within(name: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Returns the arrays of an inner layer, by its own names."""
    head = f"{name}."
    return {own.removeprefix(head): a for own, a in arrays.items() if own.startswith(head)}


def normed(
    norm: Norm,
    x: Array,
    name: str,
    shape: Shape,
    weights: Mapping[str, Array],
    context: Context,
    **options: Any,
) -> Array:
    """Applies an inner layer's norm to x; name: its prefix. shape: the true shape of x.

    options: those of `Norm.apply`.
    """
    own = _inner(context, name, shape)
    y = norm.apply(x, within(name, weights), own, **options)
    context.new_statistics.update(inside(name, own.new_statistics))
    return y


def _inner(context: Context, name: str, shape: Shape) -> Context:
    """Returns the context of an inner layer, which collects new statistics by itself."""
    own = within(name, context.statistics)
    return replace(context, incoming=shape, statistics=own, new_statistics={})


def normed_sum(
    maps: tuple[Array, Array],
    names: tuple[str, str],
    biases: tuple[Array, Array],
    shape: Shape,
    weights: Mapping[str, Array],
    context: Context,
) -> Array:
    """Returns relu of the sum of two inner batch norms, in training.

    names: their prefixes. biases: those that were not added to the maps; see `Norm.absorbs_bias`.
    shape: the true shape of both maps.
    """
    of_x, of_z = ((weights[f"{name}.scale"], weights[f"{name}.shift"]) for name in names)
    y, *found = normalised_sum(*maps, of_x, of_z, jnp.int32(shape[0]))
    for name, statistics, bias in zip(names, found, biases, strict=True):
        inner = _inner(context, name, shape)
        keep_statistics(y, statistics, inner, bias)
        context.new_statistics.update(inside(name, inner.new_statistics))
    return y


def names_of(value: Any) -> tuple[Any, ...]:
    """Returns all names of a field of `Layer.choices`, in a program or in one network."""
    return value.names if isinstance(value, Chosen) else (value,)


def activated(x: Array, value: Any, live: Any) -> Array:
    """Applies the activation of a field to x; live: how many channels of x are not padding."""
    names = names_of(value)
    place = value.place if isinstance(value, Chosen) else jnp.int32(0)
    return activate(x, names, place, jnp.arange(x.shape[0]) < live)


def dropped(
    x: Array, rate: Any, context: Context, live: Any = None, *, whole: bool = False
) -> Array:
    """Applies dropout to x; rate: None if no member has dropout.

    live: how many channels of x are not padding, default all. whole: whether to zero whole maps.
    """
    if rate is None or context.key is None:
        return x
    return dropout(x, rate, context.key, whole, live)


def followed(
    x: Array,
    layer: Any,
    shape: Shape,
    weights: Mapping[str, Array],
    context: Context,
    absorbed: Array | None = None,
) -> Array:
    """Applies the norm, activation and dropout of a layer to x; shape: the true shape of x.

    absorbed: the bias that was not added to x, since the norm absorbs it.
    """
    relu = names_of(layer.activation) == ("relu",)
    left = {} if absorbed is None else {"bias": absorbed}
    if layer.norm.name == "none":
        x = activated(x, layer.activation, shape[0])
    else:
        # the norm applies relu itself
        norm = layer.norm.options
        x = normed(norm, x, "norm", shape, weights, context, relu=relu, **left)
        x = x if relu else activated(x, layer.activation, shape[0])
    return dropped(x, layer.dropout, context, shape[0])
