"""What a learning-rate schedule must be: a factor of the learning rate over the training.

Everything is float32 and traced, so members of one program may differ in every number. A factor is
finite for all allowed numbers, at the very beginning and end, too.
"""

from abc import abstractmethod
from typing import Annotated, ClassVar

from jax import Array
from pydantic import Field

from hptjax.config.frozen import Frozen
from hptjax.ops.numbers import Numbers

Factor = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=1e-6, le=1)]  # of the training; a float32 zero divides nothing


class LrSchedule(Frozen):
    """The base of every schedule; a subclass's fields are its options, `float` ones are traced.

    main: the option that stands for the value in `word: value`.

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
        """What the learning rate is multiplied by at one step; float32.

        progress: steps taken before / all steps of a fully trained network, float32 in [0, 1).
        h: `steps` (all of them, float32) and the schedule's own traced numbers, which are read
        from here and never from self.
        """
