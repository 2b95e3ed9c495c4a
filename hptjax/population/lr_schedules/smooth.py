"""Schedules that decay smoothly from the learning rate to `end_factor` times it."""

from typing import Annotated, ClassVar

import jax.numpy as jnp
from jax import Array
from pydantic import Field

from hptjax.ops.numbers import Numbers
from hptjax.population.lr_schedules.base import Factor, LrSchedule, Share


class Constant(LrSchedule):
    """Keeps the learning rate constant."""

    def factor(self, progress: Array, h: Numbers) -> Array:
        return jnp.ones_like(progress)


class Cosine(LrSchedule):
    """Decays by half a cosine (Loshchilov & Hutter 2017, without restarts).

    end_factor: the factor of the learning rate at the end.
    """

    main: ClassVar[str | None] = "end_factor"
    end_factor: Factor = 0.0

    def factor(self, progress: Array, h: Numbers) -> Array:
        return _between(jnp.cos(jnp.pi / 2 * progress) ** 2, h.end_factor)


class Linear(LrSchedule):
    """Decays in a straight line.

    end_factor: the factor of the learning rate at the end.
    """

    main: ClassVar[str | None] = "end_factor"
    end_factor: Factor = 0.0

    def factor(self, progress: Array, h: Numbers) -> Array:
        return _between(1 - progress, h.end_factor)


class Polynomial(LrSchedule):
    """Decays by a power of the remaining share of the decay.

    power: the exponent; 1 is a straight line. end_factor: the factor of the learning rate at the
    end. decay_steps_factor: the share of the training that the decay takes; after it the factor
    stays constant (as in the PD1 data of Wang et al. 2021).
    """

    main: ClassVar[str | None] = "power"
    power: Annotated[float, Field(ge=0)] = 1.0
    end_factor: Factor = 0.0
    decay_steps_factor: Share = 1.0

    def factor(self, progress: Array, h: Numbers) -> Array:
        left = jnp.maximum(1 - progress / h.decay_steps_factor, 0)
        return _between(left**h.power, h.end_factor)


class Exponential(LrSchedule):
    """Decays by the same ratio at each step.

    end_factor: the factor of the learning rate at the end.
    """

    main: ClassVar[str | None] = "end_factor"
    end_factor: Annotated[float, Field(ge=1e-30, le=1)] = 0.01

    def factor(self, progress: Array, h: Numbers) -> Array:
        return h.end_factor**progress


def _between(height: Array, low: Array) -> Array:
    """Maps height 1 to 1, exactly, and height 0 to `low`."""
    return height + low * (1 - height)
