"""Applies several augmentations, one after another, each with its own key."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import jax
import jax.numpy as jnp
from jax import Array

from hptjax.data.augmentations.base import Augmentation, as_floats, image_bits
from hptjax.data.augmentations.geometry import Geometric, moved
from hptjax.data.augmentations.original import Original
from hptjax.errors import ConfigError


def augmented(parts: Sequence[Augmentation], images: Array, key: Array) -> Array:
    """Returns the images [N, H, W, C] after all of these augmentations, in their order.

    Bytes stay uint8 if all parts keep their type; from the first other part on, the images are
    float32, of which 0 is black and 1 is white. A part's key is fold_in(key, its index), so its
    draws do not depend on the other parts; but `Original` alone gets the key itself, as it did
    before there were lists. Raises ConfigError if a part returns another shape or type.
    """
    if len(parts) == 1 and isinstance(parts[0], Original):
        return parts[0](images, key)
    keys = [jax.random.fold_in(key, place) for place in range(len(parts))]
    for run in _runs(zip(parts, keys, strict=True)):
        moving = [part for part, _ in run if isinstance(part, Geometric)]
        if len(moving) > 1:
            images = moved(moving, images, [image_bits(key, len(images)) for _, key in run])
        else:
            images = _applied(*run[0], images)
    return images


def _runs(
    pairs: Iterable[tuple[Augmentation, Array]],
) -> Iterator[list[tuple[Augmentation, Array]]]:
    """Groups parts with their keys: parts in a row that move pixels go together."""
    for moves, run in groupby(pairs, lambda pair: isinstance(pair[0], Geometric)):
        if moves:
            yield list(run)
        else:
            yield from ([pair] for pair in run)


def _applied(part: Augmentation, key: Array, images: Array) -> Array:
    """Returns the images after one part; ConfigError if it returns another shape or type."""
    images = images if part.bytes else as_floats(images)
    result = part(images, key)
    floats = jnp.issubdtype(images.dtype, jnp.floating)
    alike = jnp.issubdtype(result.dtype, jnp.floating) if floats else result.dtype == images.dtype
    if result.shape != images.shape or not alike:
        raise ConfigError(
            f"{type(part).__name__}: an augmentation must give images of the shape and type that it"
            f" takes, here {images.dtype}{list(images.shape)}, got"
            f" {result.dtype}{list(result.shape)}."
        )
    return result.astype(images.dtype)
