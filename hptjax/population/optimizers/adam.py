"""Adam (Kingma & Ba 2015) and AdamW (Loshchilov & Hutter 2019), as PyTorch computes them."""

from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from hptjax.ops.numbers import Numbers
from hptjax.population.optimizers.base import Decay, Epsilon, Optimizer, Slots


class Adam(Optimizer):
    """Adam with weight_decay * params added to the gradient (L2); slots: both moments.

    beta_1: decay of the mean gradient at each step. beta_2: decay of the mean squared gradient.
    epsilon: added to the square root in the denominator.
    """

    beta_1: Decay = 0.9
    beta_2: Decay = 0.999
    epsilon: Epsilon = 1e-8
    slots: ClassVar[int] = 2

    def update(self, params: Array, grads: Array, slots: Slots, h: Numbers) -> tuple[Array, Slots]:
        return _adam(params, grads + h.weight_decay * params, slots, h)


class AdamW(Adam):
    """Adam with decoupled weight decay: a step subtracts lr * weight_decay times the weights."""

    def update(self, params: Array, grads: Array, slots: Slots, h: Numbers) -> tuple[Array, Slots]:
        return _adam(params * (1 - h.lr * h.weight_decay), grads, slots, h)


def _adam(params: Array, g: Array, slots: Slots, h: Numbers) -> tuple[Array, Slots]:
    """Kingma & Ba 2015, algorithm 1."""
    beta_1, beta_2 = h.beta_1, h.beta_2
    steps = h.step.astype(jnp.float32)
    rate = h.lr / (1 - beta_1**steps)
    root = jnp.sqrt(1 - beta_2**steps)

    first = beta_1 * slots[0] + (1 - beta_1) * g
    second = beta_2 * slots[1] + (1 - beta_2) * g * g
    params = params - rate * first / (jnp.sqrt(second) / root + h.epsilon)
    return params, (first, second)
