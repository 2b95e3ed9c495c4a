"""Scales images to mean 0 and variance 1."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from pydantic import BeforeValidator, model_validator

from hptjax.config.frozen import as_tuple
from hptjax.models.layers.base import Context, Infeasible, Layer, Shape

Channels = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]


class Normalize(Layer):
    """Subtracts from each channel of the images its mean, and divides by its standard deviation.

    It must come first: it takes only the images.

    mean: what is subtracted, one number for each channel, of pixels from 0 to 1; by default the
    mean of the training set. std: what the difference is divided by, one number above 0 for each
    channel; by default the standard deviation of the training set.
    """

    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    mean: Channels | None = None
    std: Channels | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.mean is None) != (self.std is None):
            raise ValueError("given both mean and std, or neither")
        if self.mean is None or self.std is None:
            return self
        if len(self.mean) != len(self.std):
            raise ValueError("given as many numbers of mean as of std")
        if min(self.std, default=0.0) <= 0:
            raise ValueError("given a std above 0")
        return self

    def check(self, incoming: Shape) -> None:
        for name, given in (("mean", self.mean), ("std", self.std)):
            if given is not None and len(given) != incoming[0]:
                raise Infeasible(
                    f"{name} must have a number for each of the {incoming[0]} channels, "
                    f"got {len(given)}."
                )

    def forward(self, x: Array, weights: Mapping[str, Array], context: Context) -> Array:
        mean, std = (jnp.asarray(v)[:, None, None, None] for v in self._statistics)
        return (x - mean) / std

    @property
    def _statistics(self) -> tuple[Channels, Channels]:
        if self.mean is None or self.std is None:
            raise ValueError("normalize has no mean and std yet: repair the network first.")
        return self.mean, self.std

    def module(self, name: str | None = None) -> nn.Module:
        return NormalizeModule(*self._statistics, name=name)


class NormalizeModule(nn.Module):
    """A `Normalize` as a Flax module: x [B, H, W, C]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        return (x - jnp.asarray(self.mean)) / jnp.asarray(self.std)
