"""Adam with L2 added to the gradient, as PyTorch's Adam(weight_decay=...); not AdamW."""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

Tree: TypeAlias = dict[str, Array]
EPSILON = 1e-8


@struct.dataclass
class AdamState:
    """First and second moments, and the number of steps taken."""

    first: Tree
    second: Tree
    count: Array


def start(params: Tree) -> AdamState:
    zeros = jax.tree.map(jnp.zeros_like, params)
    return AdamState(zeros, zeros, jnp.zeros((), jnp.int32))


def update(
    params: Tree,
    grads: Tree,
    state: AdamState,
    *,
    lr: Array,
    weight_decay: Array,
    beta_1: Array,
    beta_2: Array,
) -> tuple[Tree, AdamState]:
    """One step (Kingma & Ba 2015, algorithm 1), weight_decay * params added to the gradient."""
    count = state.count + 1
    steps = count.astype(jnp.float32)
    rate = lr / (1 - beta_1**steps)
    root = jnp.sqrt(1 - beta_2**steps)

    def leaf(p: Array, g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
        g = g + weight_decay * p
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        return p - rate * m / (jnp.sqrt(v) / root + EPSILON), m, v

    new = {k: leaf(params[k], grads[k], state.first[k], state.second[k]) for k in params}
    params, first, second = ({k: leaves[i] for k, leaves in new.items()} for i in range(3))
    return params, AdamState(first, second, count)
