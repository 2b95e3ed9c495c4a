"""Norms, as layers and as the option `norm` of other layers."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array
from pydantic import BeforeValidator, PlainSerializer

from hptjax.config.named import Part, part
from hptjax.config.parts import NORMS
from hptjax.models.layers.base import Context, Layer, Shape, Weight
from hptjax.ops.norm import normalise, normalise_by, running, running_statistics, unbiased

Weights = Mapping[str, Array]


class Norm(Layer):
    """The base class of every norm; the output has the shape of the input.

    absorbs_bias: whether adding a number to a whole channel before the norm changes nothing in
    training.
    """

    absorbs_bias: ClassVar[bool] = False

    def apply(
        self,
        x: Array,
        weights: Weights,
        context: Context,
        *,
        relu: bool = False,
        bias: Array | float = 0.0,
    ) -> Array:
        """Normalises x, then applies relu if asked for.

        bias: [C], the bias that the layer before did not add to x; see `absorbs_bias`.
        """
        y = self.forward(x, weights, context)
        return jax.nn.relu(y) if relu else y


class NoNorm(Norm):
    """Leaves the input as it is."""

    def forward(self, x: Array, weights: Weights, context: Context) -> Array:
        return x

    def module(self, name: str | None = None) -> nn.Module:
        return Identity(name=name)


class BatchNorm(Norm):
    """Batch norm: over images and pixels of each channel, with PyTorch's running statistics."""

    absorbs_bias: ClassVar[bool] = True

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        return scale_and_shift(incoming)

    def statistics(self, incoming: Shape) -> dict[str, Weight]:
        return {"mean": Weight(incoming[:1]), "var": Weight(incoming[:1], fill=1.0)}

    def forward(self, x: Array, weights: Weights, context: Context) -> Array:
        return self.apply(x, weights, context)

    def apply(
        self,
        x: Array,
        weights: Weights,
        context: Context,
        *,
        relu: bool = False,
        bias: Array | float = 0.0,
    ) -> Array:
        scale, shift, kept = weights["scale"], weights["shift"], context.statistics
        live = jnp.int32(context.incoming[0]) if x.ndim == 4 else None
        mean, var = kept["mean"], kept["var"]
        if not context.train:
            return normalise_by(x, mean, var, scale, shift, 0, relu, live)
        y, *new = normalise(x, scale, shift, 0, relu, live)
        keep_statistics(x, (new[0], new[1]), context, bias)
        return y

    def module(self, name: str | None = None) -> nn.Module:
        return BatchNormModule(name=name)


def keep_statistics(
    x: Array, found: tuple[Array, Array], context: Context, bias: Array | float
) -> None:
    """Moves the running statistics of batch norm by those found in a batch x [C, ...]."""
    kept = context.statistics["mean"], context.statistics["var"]
    mean, var = running_statistics(kept, found, bias, x.size // x.shape[0])
    context.new_statistics.update(mean=mean, var=var)


def scale_and_shift(incoming: Shape) -> dict[str, Weight]:
    """Returns the weights of a norm: a scale and a shift for each channel."""
    return {"scale": Weight(incoming[:1], fill=1.0), "shift": Weight(incoming[:1])}


class BatchNormModule(nn.Module):
    """Batch norm over all axes but the last, with PyTorch's running statistics."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        size = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (size,))
        shift = self.param("bias", nn.initializers.zeros, (size,))
        mean = self.variable("batch_stats", "mean", jnp.zeros, (size,))
        var = self.variable("batch_stats", "var", jnp.ones, (size,))
        if not train:
            return normalise_by(x, mean.value, var.value, scale, shift, x.ndim - 1)
        y, new_mean, new_var = normalise(x, scale, shift, x.ndim - 1)
        if not self.is_initializing():
            mean.value = running(mean.value, new_mean)
            var.value = running(var.value, unbiased(new_var, x.size // size))
        return y


class Identity(nn.Module):
    """Returns its input."""

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        return x


def _read(tree: Any) -> Part[Norm]:
    return part(NORMS, tree, "norm")


NormPart = Annotated[Part[Norm], BeforeValidator(_read), PlainSerializer(Part.to_tree)]
NO_NORM: Part[Norm] = Part(name="none", options=NoNorm())
BATCH_NORM: Part[Norm] = Part(name="batch", options=BatchNorm())
