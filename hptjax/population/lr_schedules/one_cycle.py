"""One cycle of the learning rate: up, then far down (Smith & Topin 2018)."""

from typing import Annotated

import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.ops.numbers import Numbers
from hptjax.population.lr_schedules.base import Factor, LrSchedule

Divisor = Annotated[float, Field(ge=1, le=1e15)]


class OneCycle(LrSchedule):
    """PyTorch's OneCycleLR with cosine annealing; the learning rate is the peak.

    The factor starts at 1 / div_factor and ends, at the last step, at 1 / (div_factor *
    final_div_factor). pct_start: the share of the training that goes up. div_factor: the peak
    learning rate over the first one. final_div_factor: the first learning rate over the last one.
    """

    pct_start: Factor = 0.3
    div_factor: Divisor = 25.0
    final_div_factor: Divisor = 1e4

    def factor(self, progress: Array, h: Numbers) -> Array:
        i = progress * h.steps
        top = h.pct_start * h.steps - 1  # the step of the peak; below 0 there is no rise
        start = 1 / h.div_factor
        up = _cosine(start, 1.0, i / _above_zero(top))
        down = _cosine(1.0, start / h.final_div_factor, (i - top) / _above_zero(h.steps - 1 - top))
        return jnp.where(i <= top, up, down)


def _above_zero(steps: Array) -> Array:
    return jnp.maximum(steps, 1e-6)


def _cosine(start: Array | float, end: Array | float, share: Array) -> Array:
    return end + (start - end) * jnp.cos(jnp.pi / 2 * jnp.clip(share, 0, 1)) ** 2
