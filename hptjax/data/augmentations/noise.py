"""Adds Gaussian noise to every pixel."""

from typing import Annotated, ClassVar

import jax
import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.data.augmentations.base import Augmentation


class Noise(Augmentation):
    """Adds N(0, std^2) to each number of each image, then clips to [0, 1].

    std: the standard deviation, where black is 0 and white is 1. It does what torchvision's
    v2.GaussianNoise does.
    """

    main: ClassVar[str | None] = "std"

    std: Annotated[float, Field(gt=0, le=1)]

    def __call__(self, images: Array, key: Array) -> Array:
        def drawn(index: Array) -> Array:
            return jax.random.normal(jax.random.fold_in(key, index), images.shape[1:], jnp.float32)

        noise = jax.vmap(drawn)(jnp.arange(len(images), dtype=jnp.uint32))
        return jnp.clip(images + self.std * noise, 0, 1)
