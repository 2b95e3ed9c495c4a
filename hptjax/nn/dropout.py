"""Dropout whose rate may be a traced number, which Flax's own cannot take."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array


def dropout(x: Array, rate: Array | float, key: Array | None) -> Array:
    """Zeroes values of x with probability rate, scales the others by 1 / (1 - rate).

    key: the key of the draw; None returns x, as in evaluation. The draw equals that of Flax's
    Dropout.
    """
    if key is None:
        return x
    keep = 1 - jnp.asarray(rate, x.dtype)
    return jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep, 0)


class Dropout(nn.Module):
    """`flax.linen.Dropout` with a rate that may be traced, such as an argument of the call.

    In an nnx class use the function `dropout`.
    """

    rate: Array | float
    deterministic: bool | None = None
    rng_collection: str = "dropout"

    @nn.compact
    def __call__(self, inputs: Array, deterministic: bool | None = None) -> Array:
        if nn.merge_param("deterministic", self.deterministic, deterministic):
            return inputs
        return dropout(inputs, self.rate, self.make_rng(self.rng_collection))
