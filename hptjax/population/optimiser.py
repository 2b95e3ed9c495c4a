"""Adam with L2 added to the gradient, as PyTorch's Adam(weight_decay=...); not AdamW."""

import jax.numpy as jnp
from flax import struct
from jax import Array

from hptjax.models.numbers import Numbers

EPSILON = 1e-8


@struct.dataclass
class AdamState:
    """First and second moments [N], and the number of steps taken."""

    first: Array
    second: Array
    count: Array

    def front(self, size: int) -> "AdamState":
        """The state of the first `size` weights."""
        return AdamState(self.first[..., :size], self.second[..., :size], self.count)


def start(params: Array) -> AdamState:
    """No moments, no steps; params: [N], all weights of a network as one vector."""
    return AdamState(jnp.zeros_like(params), jnp.zeros_like(params), jnp.zeros((), jnp.int32))


def update(
    params: Array, grads: Array, state: AdamState, numbers: Numbers
) -> tuple[Array, AdamState]:
    """One step (Kingma & Ba 2015, algorithm 1), weight_decay * params added to the gradient."""
    beta_1, beta_2 = numbers["beta_1"], numbers["beta_2"]
    count = state.count + 1
    steps = count.astype(jnp.float32)
    rate = numbers["lr"] / (1 - beta_1**steps)
    root = jnp.sqrt(1 - beta_2**steps)

    g = grads + numbers["weight_decay"] * params
    first = beta_1 * state.first + (1 - beta_1) * g
    second = beta_2 * state.second + (1 - beta_2) * g * g
    params = params - rate * first / (jnp.sqrt(second) / root + EPSILON)
    return params, AdamState(first, second, count)
