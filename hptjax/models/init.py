"""Initial weights as PyTorch draws them: uniform within 1 / sqrt(fan-in), norms at one and zero."""

import jax
import jax.numpy as jnp
from jax import Array


def draw(key: Array, index: Array, bounds: Array, fills: Array) -> Array:
    """One network's initial weights as a vector [N]; see hptjax.models.flat.initial_places.

    The k-th draw of a key is the same however many are made, which keeps padded and exact networks
    together.
    """
    draws = jax.random.uniform(key, index.shape)[index]
    return jnp.where(bounds > 0, draws * (2 * bounds) - bounds, fills)
