"""The contract of an augmentation, and the random numbers that augmentations draw."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.config.frozen import Frozen


class Augmentation(Frozen):
    """Changes the training images at random, once an epoch, on the device.

    A class of this kind defines `__call__`; its fields are its options. Options are fixed when the
    program is compiled, whatever their type.

    The law: image i of the result depends on image i, on the key and on the number i alone, not on
    how many images there are. Draws by `image_bits` keep it, and so does `jax.random.normal(key,
    images.shape)` under JAX's default settings.

    bytes: False (the default) if the augmentation takes and gives floats, of which 0 is black and 1
    is white. True if it gives the type that it takes, uint8 or float32, as one that moves pixels or
    makes them black.
    main: the option that stands for the value in `word: value`.

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
        """The images [N, H, W, C], changed; same shape. key: a typed PRNG key."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(images, key).")


class PerImage(Augmentation):
    """An augmentation that needs 32 random bits for each image."""

    def changed(self, images: Array, bits: Array) -> Array:
        """The images [N, H, W, C] that these bits [N] stand for."""
        raise NotImplementedError

    def __call__(self, images: Array, key: Array) -> Array:
        return self.changed(images, image_bits(key, len(images)))


def image_bits(key: Array, count: int) -> Array:
    """32 random bits [count] for each image, from the key and its number alone."""

    def bits(index: Array) -> Array:
        return jax.random.bits(jax.random.fold_in(key, index), dtype=jnp.uint32)

    return jax.vmap(bits)(jnp.arange(count, dtype=jnp.uint32))


def unit_interval(bits: Array) -> Array:
    """Bits as floats, uniform over the 2^24 multiples of 2^-24 in [0, 1)."""
    return (bits >> 8).astype(jnp.float32) * 2.0**-24


def two_below(bits: Array, first: int, second: int) -> tuple[Array, Array]:
    """Bits as two independent int32, uniform over 0 to first - 1 and over 0 to second - 1.

    The upper and the lower 16 bits give one each, as floor(bits * bound / 65536): no value is more
    likely than another by more than bound / 65536 of its chance. Bounds are below 65536.
    """
    upper, lower = (bits >> 16) * first >> 16, (bits & 0xFFFF) * second >> 16
    return upper.astype(jnp.int32), lower.astype(jnp.int32)


def as_floats(images: Array) -> Array:
    """Bytes -> floats in [0, 1], as PyTorch's ToTensor; floats as they are."""
    if jnp.issubdtype(images.dtype, jnp.floating):
        return images
    return images.astype(jnp.float32) * (1 / 255)
