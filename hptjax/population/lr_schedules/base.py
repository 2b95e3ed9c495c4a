"""The contract of a learning-rate schedule: a factor of the learning rate over the training.

All numbers are float32 and traced, so members of one program may differ in every number. A factor
must be finite for all allowed numbers, also at the first and the last step.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar

from jax import Array
from pydantic import Field

from hptjax.config.frozen import Frozen
from hptjax.ops.numbers import Numbers

Factor = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=1e-6, le=1)]  # of the training; schedules divide by it in float32


class LrSchedule(Frozen):
    """The base class of every schedule; its fields are options, and its floats are traced.

    main: the option that takes the value in `word: value`.

    Example:
        >>> import hptjax
        >>> class Root(hptjax.LrSchedule):
        ...     power: float = 0.5
        ...     def factor(self, progress, h):
        ...         return (1 - progress) ** h.power
    """

    main: ClassVar[str | None] = None

    @abstractmethod
    def factor(self, progress: Array, h: Numbers) -> Array:
        """Returns the factor of the learning rate at one step; float32.

        progress: steps taken before / all steps of a fully trained network, float32 in [0, 1). h:
        `steps` (the number of all steps, float32) and the schedule's traced numbers, which must be
        read from h, never from self.
        """
