"""The contract of an augmentation, and the random numbers that augmentations draw."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Frozen


class Augmentation(Frozen):
    """Changes the training images at random, once an epoch, on the device.

    A subclass defines `__call__`; its fields are its options. Options are fixed when the program is
    compiled, whatever their type.

    The law: image i of the result depends only on image i, on the key and on the number i, not on
    how many images there are. Draws by `image_bits` keep the law, and so does
    `jax.random.normal(key, images.shape)` under JAX's default settings.

    bytes: False (the default) if the augmentation takes and returns floats, of which 0 is black and
    1 is white. True if it returns the type that it takes, uint8 or float32, as an augmentation does
    that moves pixels or makes them black.
    main: the option that takes the value in `word: value`.

    Example:
        >>> import hptjax, jax
        >>> class Noise(hptjax.Augmentation):
        ...     std: float = 0.1
        ...     def __call__(self, images, key):
        ...         return images + self.std * jax.random.normal(key, images.shape)
        >>> Noise(std=0.2)(jax.numpy.zeros((2, 8, 8, 1)), jax.random.key(0)).shape
        (2, 8, 8, 1)
    """

    bytes: ClassVar[bool] = False
    main: ClassVar[str | None] = None

    def __call__(self, images: Array, key: Array) -> Array:
        """Returns the changed images [N, H, W, C], of the same shape. key: a typed PRNG key."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(images, key).")


class PerImage(Augmentation):
    """An augmentation that needs 32 random bits for each image."""

    def changed(self, images: Array, bits: Array) -> Array:
        """Returns the images [N, H, W, C], changed as these bits [N] say."""
        raise NotImplementedError

    def __call__(self, images: Array, key: Array) -> Array:
        return self.changed(images, image_bits(key, len(images)))


def image_bits(key: Array, count: int) -> Array:
    """Returns 32 random bits [count] for each image, from only the key and the image's number."""

    def bits(index: Array) -> Array:
        return jax.random.bits(jax.random.fold_in(key, index), dtype=jnp.uint32)

    return jax.vmap(bits)(jnp.arange(count, dtype=jnp.uint32))


def unit_interval(bits: Array) -> Array:
    """Turns bits into floats, uniform over the 2^24 multiples of 2^-24 in [0, 1)."""
    return (bits >> 8).astype(jnp.float32) * 2.0**-24


def two_below(bits: Array, first: int, second: int) -> tuple[Array, Array]:
    """Turns bits into two independent int32, uniform over 0..first - 1 and over 0..second - 1.

    The upper and the lower 16 bits give one each, as floor(bits * bound / 65536): the chances of
    two values differ at most by the factor 1 + bound / 65536. Bounds are below 65536.
    """
    upper, lower = (bits >> 16) * first >> 16, (bits & 0xFFFF) * second >> 16
    return upper.astype(jnp.int32), lower.astype(jnp.int32)


def as_floats(images: Array) -> Array:
    """Converts bytes to floats in [0, 1], as PyTorch's ToTensor does; keeps floats as they are."""
    if jnp.issubdtype(images.dtype, jnp.floating):
        return images
    return images.astype(jnp.float32) * (1 / 255)
