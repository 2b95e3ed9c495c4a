"""What several layers are made of: convolutions, norms, activations and dropout inside a layer."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import Array

from hptjax.models.layers.base import Chosen, Context, Shape, Weight
from hptjax.models.layers.norms import Norm
from hptjax.ops.activations import activate
from hptjax.ops.dropout import dropout


def affine(name: str, shape: tuple[Any, ...], fan_in: Any, pixels: int) -> dict[str, Weight]:
    """A kernel of this shape and a bias for each of its outputs, which the first axis counts."""
    return {
        f"{name}.kernel": Weight(shape, fan_in, pixels=pixels),
        f"{name}.bias": Weight(shape[:1], fan_in),
    }


def inside(name: str, kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Arrays of a layer inside another, by the names that they have outside."""
    return {f"{name}.{own}": kind for own, kind in kinds.items()}


def within(name: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays of a layer inside another, by its own names."""
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
    """x through a norm inside a layer, under this name; shape: the true one of x.

    options: of `Norm.apply`.
    """
    own = replace(
        context,
        incoming=shape,
        statistics=within(name, context.statistics),
        new_statistics={},
    )
    y = norm.apply(x, within(name, weights), own, **options)
    context.new_statistics.update(inside(name, own.new_statistics))
    return y


def names_of(value: Any) -> tuple[Any, ...]:
    """What a field of `Layer.choices` may be: of the members of a program, or of one network."""
    return value.names if isinstance(value, Chosen) else (value,)


def activated(x: Array, value: Any, live: Any) -> Array:
    """x through the activation of a field; live: how many of its channels are not padding."""
    names = names_of(value)
    place = value.place if isinstance(value, Chosen) else jnp.int32(0)
    return activate(x, names, place, jnp.arange(x.shape[0]) < live)


def dropped(
    x: Array, rate: Any, context: Context, live: Any = None, *, whole: bool = False
) -> Array:
    """x after dropout by a rate, None where no member has any.

    live: how many channels of x are not padding, default all. whole: whether whole maps go.
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
    """x through the norm, the activation and the dropout of a layer; shape: the true one of x.

    absorbed: the bias that was left out of x for the norm.
    """
    relu = names_of(layer.activation) == ("relu",)
    left = {} if absorbed is None else {"bias": absorbed}
    if layer.norm.name == "none":
        x = activated(x, layer.activation, shape[0])
    else:
        # the norm does a relu on its way
        norm = layer.norm.options
        x = normed(norm, x, "norm", shape, weights, context, relu=relu, **left)
        x = x if relu else activated(x, layer.activation, shape[0])
    return dropped(x, layer.dropout, context, shape[0])
