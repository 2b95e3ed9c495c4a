"""Activations chosen by a traced number, and dropout with a traced rate."""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax


def activate(x: Array, names: Sequence[str], choice: Array, live: Array) -> Array:
    """Applies the activation names[choice] to x [units, B]; units not in live come out as zeros.

    live: [units]. sigmoid(0) is 0.5 and a softmax sums over what is there, so padded units must be
    masked here.
    """
    column = live[:, None]
    functions = {
        "none": lambda x: x,
        "relu": jax.nn.relu,
        "tanh": jnp.tanh,
        "sigmoid": lambda x: jnp.where(column, jax.nn.sigmoid(x), 0),
        "logsoftmax": partial(_log_softmax, column=column),
    }
    branches = [functions[name] for name in names]
    return branches[0](x) if len(branches) == 1 else lax.switch(choice, branches, x)


def _log_softmax(x: Array, column: Array) -> Array:
    top = lax.stop_gradient(jnp.max(jnp.where(column, x, -jnp.inf), 0))
    shifted = jnp.where(column, x - top, 0)
    total = jnp.sum(jnp.where(column, jnp.exp(shifted), 0), 0)
    return jnp.where(column, shifted - jnp.log(total), 0)


def dropout(x: Array, rate: Array, key: Array) -> Array:
    """Zeroes values of x [units, B] with probability rate, scales the rest by 1 / (1 - rate).

    The draw of a unit depends on its index and not on how many units there are, so padding changes
    nothing.
    """
    keep = jax.random.uniform(key, x.shape, x.dtype) >= rate
    return jnp.where(keep, x / (1 - rate), 0)


def average_pool(x: Array, size: int) -> Array:
    """Means over size x size windows of x [C, H, W, B]; rest rows and columns are dropped."""
    if size == 1:
        return x
    channels, height, width, images = x.shape
    rows, columns = height // size, width // size
    x = x[:, : rows * size, : columns * size]
    return x.reshape(channels, rows, size, columns, size, images).mean((2, 4))
