"""Norms that treat each image separately: layer, group and instance norm."""

import math
from abc import abstractmethod
from typing import Any, ClassVar, Literal

import flax.linen as nn
from jax import Array, lax

from hptjax.config.frozen import Positive
from hptjax.models.layers.base import Context, Infeasible, Shape, Weight
from hptjax.models.layers.norms import Norm, Weights, scale_and_shift
from hptjax.ops.group_norm import normalise_groups, normalise_maps
from hptjax.ops.norm import EPSILON


class _ImageNorm(Norm):
    """A norm with a scale and a shift for each channel; training and evaluation are the same."""

    def check(self, incoming: Shape) -> None:
        if math.prod(incoming) == self._groups(incoming):
            raise Infeasible(
                "it would normalise each number by itself, which leaves zeros: use another norm, "
                "or more channels or pixels."
            )

    @abstractmethod
    def _groups(self, incoming: Shape) -> int:
        """Returns the number of groups of channels."""

    def weights(self, incoming: Shape) -> dict[str, Weight]:
        return scale_and_shift(incoming)

    def forward(self, x: Array, weights: Weights, context: Context) -> Array:
        return self._normalised(x, weights["scale"], weights["shift"], context.incoming[0])

    def _normalised(self, x: Array, scale: Array, shift: Array, live: Any) -> Array:
        return normalise_groups(x, scale, shift, self._groups((live,)), live)


class LayerNorm(_ImageNorm):
    """Layer norm: over all channels and pixels of each image, or over its units."""

    def _groups(self, incoming: Shape) -> int:
        return 1

    def module(self, name: str | None = None) -> nn.Module:
        return ImageNormModule(1, name=name)


class GroupNorm(_ImageNorm):
    """Group norm: over the pixels and the channels of each group, for each image.

    groups: the number of groups; the number of channels must be a multiple of it.
    """

    main: ClassVar[str | None] = "groups"

    groups: Positive

    def check(self, incoming: Shape) -> None:
        if incoming[0] % self.groups:
            raise Infeasible(
                f"{incoming[0]} channels cannot be split into {self.groups} equal groups: use a "
                f"multiple of {self.groups}, or another number of groups."
            )
        super().check(incoming)

    def _groups(self, incoming: Shape) -> int:
        return self.groups

    def module(self, name: str | None = None) -> nn.Module:
        return ImageNormModule(self.groups, name=name)


class InstanceNorm(_ImageNorm):
    """Instance norm: over the pixels of each map of each image."""

    absorbs_bias: ClassVar[bool] = True
    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    def _groups(self, incoming: Shape) -> int:
        return incoming[0]

    def _normalised(self, x: Array, scale: Array, shift: Array, live: Any) -> Array:
        return normalise_maps(x, scale, shift, live)

    def module(self, name: str | None = None) -> nn.Module:
        return ImageNormModule(None, name=name)


class ImageNormModule(nn.Module):
    """Normalises groups of channels of each image of x [B, ..., C]; None: one channel a group."""

    groups: int | None

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        size = x.shape[-1]
        scale = self.param("scale", nn.initializers.ones, (size,))
        shift = self.param("bias", nn.initializers.zeros, (size,))
        grouped = x.reshape(len(x), -1, self.groups or size, size // (self.groups or size))
        mean, var = grouped.mean((1, 3), keepdims=True), grouped.var((1, 3), keepdims=True)
        y = (grouped - mean) * lax.rsqrt(var + EPSILON)
        return y.reshape(x.shape) * scale + shift
