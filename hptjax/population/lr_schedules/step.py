"""A staircase."""

from typing import ClassVar

import jax.numpy as jnp
from jax import Array

from hptjax.ops.numbers import Numbers
from hptjax.population.lr_schedules.base import Factor, LrSchedule, Share

SLACK = 1e-6  # relative: more than the rounding of progress and size, less than a step


class Step(LrSchedule):
    """Multiplies by gamma after each `size`, a share of the training (PyTorch's StepLR).

    size: the share of the training from one drop to the next. gamma: the factor of each drop.
    """

    main: ClassVar[str | None] = "size"
    size: Share = 1 / 3
    gamma: Factor = 0.1

    def factor(self, progress: Array, h: Numbers) -> Array:
        drops = jnp.floor(progress / h.size * (1 + SLACK))  # 0.3 / 0.1 must give 3, not just below
        return h.gamma**drops
