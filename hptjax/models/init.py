"""Initial weights as PyTorch draws them: uniform within 1 / sqrt(fan-in), norms at one and zero."""

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike


def draw(key: Array, index: ArrayLike, bounds: ArrayLike, fills: ArrayLike) -> Array:
    """One network's initial weights as a vector [N]; see hptjax.models.flat.initial_places.

    The k-th draw of a key is the same however many are made, which keeps padded and exact networks
    together.
    """
    draws = jax.random.uniform(key, jnp.shape(index))[index]
    limit = jnp.asarray(bounds)
    return jnp.where(limit > 0, draws * (2 * limit) - limit, fills)
