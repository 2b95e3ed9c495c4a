"""What an optimizer of a padded network must be.

A member's weights are one flat vector [N], of which some are dead: padding, which is zero and whose
gradients are zero. The law that keeps them so:

1. An optimizer is elementwise: what becomes of a weight depends on that weight, its gradients and
   the traced numbers, never on other weights.
2. update(0, 0, start(0)) leaves the weight 0, at every step and for all allowed numbers. Its slots
   may be what they like, but finite. At a later step so does update(0, 0, 0): a snapshot holds no
   dead slots, and they are zeros where it is restored.

What means one norm a layer, or draws random numbers, breaks it.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar, TypeAlias

import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.config.frozen import Frozen
from hptjax.ops.numbers import Numbers

Decay = Annotated[float, Field(ge=0, lt=1)]
Slots: TypeAlias = tuple[Array, ...]  # what is kept of each weight, vectors [N]
Epsilon = Annotated[float, Field(ge=1e-30)]  # a float32 zero would make 0 / 0 of dead weights


class Optimizer(Frozen):
    """The base of every optimizer; a subclass's fields are its options, `float` ones are traced.

    slots: how many numbers it keeps of each weight; a property where that depends on an option.
    main: the option that stands for the value in `word: value`.

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
        """The slots, [N] each, before the first step; zeros unless overridden; params: [N]."""
        return tuple(jnp.zeros_like(params) for _ in range(self.slots))

    @abstractmethod
    def update(self, params: Array, grads: Array, slots: Slots, h: Numbers) -> tuple[Array, Slots]:
        """One step on params [N] by grads [N]; returns the new params and slots, [N] each.

        h: `lr` (the schedule is applied), `weight_decay`, `step` (int32, 1 at the first) and the
        optimizer's own traced numbers, which are read from here and never from self.
        """
