"""The two layouts of images: Flax's [B, H, W, C], and [C, H, W, B], which our kernels take."""

from jax import Array


def maps(x: Array) -> Array:
    """[B, H, W, C] -> [C, H, W, B]."""
    return x.transpose(3, 1, 2, 0)


def images(x: Array) -> Array:
    """[C, H, W, B] -> [B, H, W, C]."""
    return x.transpose(3, 1, 2, 0)
