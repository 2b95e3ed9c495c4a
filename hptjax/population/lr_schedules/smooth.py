"""Schedules that go down smoothly from the learning rate to `end_factor` of it."""

from typing import Annotated, ClassVar

import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.ops.numbers import Numbers
from hptjax.population.lr_schedules.base import Factor, LrSchedule, Share


class Constant(LrSchedule):
    """The learning rate, all the time."""

    def factor(self, progress: Array, h: Numbers) -> Array:
        return jnp.ones_like(progress)


class Cosine(LrSchedule):
    """Half a cosine (Loshchilov & Hutter 2017, without restarts).

    end_factor: what the learning rate is multiplied by in the end.
    """

    main: ClassVar[str | None] = "end_factor"
    end_factor: Factor = 0.0

    def factor(self, progress: Array, h: Numbers) -> Array:
        return _between(jnp.cos(jnp.pi / 2 * progress) ** 2, h.end_factor)


class Linear(LrSchedule):
    """A straight line.

    end_factor: what the learning rate is multiplied by in the end.
    """

    main: ClassVar[str | None] = "end_factor"
    end_factor: Factor = 0.0

    def factor(self, progress: Array, h: Numbers) -> Array:
        return _between(1 - progress, h.end_factor)


class Polynomial(LrSchedule):
    """A power of what is left of the decay.

    power: of what is left; 1 is a straight line. end_factor: what the learning rate is multiplied
    by in the end. decay_steps_factor: the share of the training that the decay takes, after which
    the factor stays (as in the PD1 data of Wang et al. 2021).
    """

    main: ClassVar[str | None] = "power"
    power: Annotated[float, Field(ge=0)] = 1.0
    end_factor: Factor = 0.0
    decay_steps_factor: Share = 1.0

    def factor(self, progress: Array, h: Numbers) -> Array:
        left = jnp.maximum(1 - progress / h.decay_steps_factor, 0)
        return _between(left**h.power, h.end_factor)


class Exponential(LrSchedule):
    """The same ratio from each step to the next.

    end_factor: what the learning rate is multiplied by in the end.
    """

    main: ClassVar[str | None] = "end_factor"
    end_factor: Annotated[float, Field(ge=1e-30, le=1)] = 0.01

    def factor(self, progress: Array, h: Numbers) -> Array:
        return h.end_factor**progress


def _between(height: Array, low: Array) -> Array:
    """From 1 at height 1 to `low` at height 0; exactly 1 at the beginning."""
    return height + low * (1 - height)
