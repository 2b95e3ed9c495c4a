"""Types of options that several layers have."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from hptjax.config.frozen import SIZE_LIMIT, Positive, as_tuple
from hptjax.config.schema import Activation as UnitActivation
from hptjax.config.schema import MapActivation

Size = Positive | tuple[Positive, Positive]  # height and width
Padding = Annotated[int, Field(ge=0, lt=SIZE_LIMIT)] | Literal["same"]
Rate = Annotated[float, Field(ge=0, lt=1)]
Kernel = Annotated[Size, BeforeValidator(as_tuple)]
Activation = MapActivation
__all__ = ["Activation", "Kernel", "Padding", "Rate", "Size", "UnitActivation", "pair"]


def pair(size: int | tuple[int, int]) -> tuple[int, int]:
    """Returns height and width of a size, which may be one number for both."""
    return (size, size) if isinstance(size, int) else size
