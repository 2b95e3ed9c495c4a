"""Random brightness and contrast, as in torchvision's ColorJitter."""

from typing import Annotated, ClassVar

import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.data.augmentations.base import PerImage, unit_interval

LUMA = (0.2989, 0.587, 0.114)  # torchvision's weights of red, green and blue in a grey image


class Brightness(PerImage):
    """Multiplies each image by U(max(0, 1 - factor), 1 + factor), then clips to [0, 1].

    factor: the largest distance of the multiplier from 1.
    """

    main: ClassVar[str | None] = "factor"

    factor: Annotated[float, Field(gt=0, le=100)]

    def changed(self, images: Array, bits: Array) -> Array:
        return jnp.clip(images * _factors(bits, self.factor), 0, 1)


class Contrast(PerImage):
    """Multiplies each image's difference from its mean grey, then clips to [0, 1].

    The multiplier is U(max(0, 1 - factor), 1 + factor). factor: its largest distance from 1. The
    mean is that of the luma, as in torchvision; for images without 3 channels, that of all numbers.
    """

    main: ClassVar[str | None] = "factor"

    factor: Annotated[float, Field(gt=0, le=100)]

    def changed(self, images: Array, bits: Array) -> Array:
        channels = images.shape[3]
        shares = jnp.array(LUMA if channels == 3 else (1 / channels,) * channels, jnp.float32)
        grey = (images.mean((1, 2), keepdims=True) * shares).sum(3, keepdims=True)
        factors = _factors(bits, self.factor)
        return jnp.clip(factors * images + (1 - factors) * grey, 0, 1)


def _factors(bits: Array, factor: float) -> Array:
    """Returns uniform factors [N, 1, 1, 1]."""
    low = max(0.0, 1 - factor)
    drawn = low + (1 + factor - low) * unit_interval(bits)
    return drawn[:, None, None, None]
