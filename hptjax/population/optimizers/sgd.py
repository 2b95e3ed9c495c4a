"""Stochastic gradient descent with momentum (Sutskever et al. 2013), as PyTorch computes it."""

from typing import Annotated, ClassVar, Self

from jax import Array
from pydantic import Field, model_validator

from hptjax.ops.numbers import Numbers
from hptjax.population.optimizers.base import Decay, Optimizer, Slots


class SGD(Optimizer):
    """SGD with weight_decay * params added to the gradient (L2); slot: the velocity.

    momentum: decay of the velocity at each step; with 0 there is no velocity. nesterov: use
    Nesterov's look-ahead. one_minus_momentum: 1 - momentum, for a search on a log scale; each of
    the two has no effect at its default, and a config that sets both is refused.
    """

    momentum: Decay = 0.0
    one_minus_momentum: Annotated[float, Field(gt=0, le=1)] = 1.0
    nesterov: bool = False
    slots: ClassVar[int] = 1

    @model_validator(mode="after")
    def _one_spelling(self) -> Self:
        if self.momentum != 0 and self.one_minus_momentum != 1:
            raise ValueError("given momentum or one_minus_momentum, not both")  # "must be ..."
        return self

    def update(self, params: Array, grads: Array, slots: Slots, h: Numbers) -> tuple[Array, Slots]:
        momentum = h.momentum + (1 - h.one_minus_momentum)  # one of the two terms is exactly 0
        g = grads + h.weight_decay * params
        velocity = momentum * slots[0] + g
        direction = g + momentum * velocity if self.nesterov else velocity
        return params - h.lr * direction, (velocity,)
