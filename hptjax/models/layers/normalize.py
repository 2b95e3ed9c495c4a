"""The images brought to mean 0 and variance 1."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import flax.linen as nn
import jax.numpy as jnp
from jax import Array
from pydantic import BeforeValidator

from hptjax.config.frozen import as_tuple
from hptjax.models.layers.base import Context, Infeasible, Layer, Shape

Channels = Annotated[tuple[float, ...], BeforeValidator(as_tuple)]


class Normalize(Layer):
    """Subtracts from each channel of the images its mean, and divides by its standard deviation.

    mean, std: one number for each channel, of pixels from 0 to 1; by default those of the training
    set. It stands first: the images are all it knows.
    """

    takes: ClassVar[Literal["maps", "units", "any"]] = "maps"

    mean: Channels | None = None
    std: Channels | None = None

    def check(self, incoming: Shape) -> None:
        for name, given in (("mean", self.mean), ("std", self.std)):
            if given is not None and len(given) != incoming[0]:
                raise Infeasible(
                    f"{name} must have a number for each of the {incoming[0]} channels, "
                    f"got {len(given)}."
                )
        if self.std is not None and min(self.std) <= 0:
            raise Infeasible(f"std must be above 0, got {list(self.std)}.")

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
    """A `Normalize`: x [B, H, W, C]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @nn.compact
    def __call__(self, x: Array, *, train: bool, key: Array | None = None) -> Array:
        return (x - jnp.asarray(self.mean)) / jnp.asarray(self.std)
