"""The contract of an optimizer of a padded network.

A member's weights are one flat vector [N]. Some of them are dead: padding, which is zero and whose
gradients are zero. Two laws keep them zero:

1. An optimizer is elementwise: the new value of a weight depends on this weight, its gradients and
   the traced numbers, never on other weights.
2. update(0, 0, start(0)) leaves the weight 0, at every step and for all allowed numbers. The slots
   may take any finite values. At a later step update(0, 0, 0) leaves the weight 0 too: a snapshot
   holds no dead slots, and they are zeros after it is restored.

An optimizer that uses one norm per layer, or draws random numbers, breaks the first law.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, TypeAlias

import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.config.frozen import Frozen
from hptjax.ops.numbers import Numbers

Decay = Annotated[float, Field(ge=0, lt=1)]
Slots: TypeAlias = tuple[Array, ...]  # what an optimizer keeps of each weight, vectors [N]
Epsilon = Annotated[float, Field(ge=1e-30)]  # a float32 zero would give dead weights 0 / 0


class Optimizer(Frozen):
    """The base class of every optimizer; its fields are options, and its floats are traced.

    slots: how many numbers it keeps of each weight; a property if that depends on an option.
    main: the option that takes the value in `word: value`.

    Example:
        >>> import hptjax, jax.numpy as jnp
        >>> class Sign(hptjax.Optimizer):
        ...     slots = 0
        ...     def update(self, params, grads, slots, h):
        ...         return params - h.lr * jnp.sign(grads), ()
    """

    main: ClassVar[str | None] = None
    slots: ClassVar[int] = 0

    def start(self, params: Array, h: Numbers) -> Slots:
        """Returns the slots before the first step, [N] each; zeros by default; params: [N]."""
        return tuple(jnp.zeros_like(params) for _ in range(self.slots))

    @abstractmethod
    def update(self, params: Array, grads: Array, slots: Slots, h: Numbers) -> tuple[Array, Slots]:
        """Takes one step on params [N] by grads [N]; returns the new params and slots, [N] each.

        h: `lr` (with the schedule applied), `weight_decay`, `step` (int32, 1 at the first step) and
        the optimizer's traced numbers, which must be read from h, never from self.
        """
