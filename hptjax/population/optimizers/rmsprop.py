"""RMSprop (Hinton 2012), as PyTorch computes it."""

import jax.numpy as jnp
from jax import Array

from hptjax.ops.numbers import Numbers
from hptjax.population.optimizers.base import Decay, Epsilon, Optimizer, Slots


class RMSprop(Optimizer):
    """RMSprop with weight_decay * params added to the gradient (L2).

    Slots: mean square, velocity and, if centered, mean gradient. alpha: decay of the mean square.
    epsilon: added to the square root in the denominator. momentum: decay of the velocity; with 0
    there is no velocity. centered: divide by the standard deviation of the gradient, not by its
    root mean square (Graves 2013).
    """

    alpha: Decay = 0.99
    epsilon: Epsilon = 1e-8
    momentum: Decay = 0.0
    centered: bool = False

    @property
    def slots(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return 3 if self.centered else 2

    def update(self, params: Array, grads: Array, slots: Slots, h: Numbers) -> tuple[Array, Slots]:
        g = grads + h.weight_decay * params
        square = h.alpha * slots[0] + (1 - h.alpha) * g * g
        variance, means = square, []
        if self.centered:
            mean = slots[2] + (1 - h.alpha) * (g - slots[2])
            variance = jnp.maximum(square - mean * mean, 0)  # rounding may go below zero
            means = [mean]
        velocity = h.momentum * slots[1] + g / (jnp.sqrt(variance) + h.epsilon)
        return params - h.lr * velocity, (square, velocity, *means)
