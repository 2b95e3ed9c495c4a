"""A linear warm-up before any schedule (Goyal et al. 2017)."""

import jax.numpy as jnp
from jax import Array

from hptjax.ops.numbers import Numbers
from hptjax.population.lr_schedules.base import LrSchedule


def with_warmup(schedule: LrSchedule, progress: Array, warmup: Array, h: Numbers) -> Array:
    """Returns the factor of a schedule after a linear warm-up; the schedule runs over the rest.

    warmup: share of all steps, float32 in [0, 1]. Step i of the n warm-up steps, from 0, has
    (i + 1) / n of the schedule's first factor, so the first step is not wasted. With warmup 0 the
    factor is the schedule's, bit for bit. progress, h: see `LrSchedule.factor`.
    """
    rest = 1 - warmup
    ramp = jnp.minimum((progress * h.steps + 1) / (warmup * h.steps), 1)  # 1 / 0 is infinite
    after = jnp.clip((progress - warmup) / jnp.maximum(rest, 1e-6), 0, 1)
    return ramp * schedule.factor(after, h.replace(steps=h.steps * rest))
